// SPDX-License-Identifier: BSD-2-Clause
// Leases as a user makes, sees and gives them back; and as packets and the kernel see them.
#include <csignal>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/ephemeral_sysctl.h>
#include <xdemux/kernel/netns.h>

#include "support/cli_test.h"

namespace xdemux::test::lease_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class Leases : public CliTest {
  protected:
    void SetUp() override { ASSERT_TRUE(write_ephemeral_settings({{32768, 60999}, {}})); }
    void TearDown() override {
        CliTest::TearDown();
        EXPECT_EQ(reserved(), "") << "unload leaves ports reserved";
    }

    static std::string reserved() {
        return read_ephemeral_settings().value_or(EphemeralSettings{}).reserved.to_string();
    }
    static Json list() { return expect_json("ephemeral list", "leases"); }
    /// The one local endpoint that was printed.
    static std::string lease(const std::string& words) {
        std::string text = expect_prints("ephemeral lease " + words);
        if (!text.empty()) text.pop_back();
        return text;
    }
};

TEST_F(Leases, ArePrintedListedAndKeptFromTheKernel) {
    const std::string text = expect_prints("ephemeral lease tcp 192.0.2.1 192.0.2.2:443 --count 3 --owner crawler");
    EXPECT_THAT(text, MatchesRegex("(192.0.2.1:6[1-5][0-9][0-9][0-9]\n){3}"));
    EXPECT_EQ(reserved(), "61000-65535");
    const Json rows = list();
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_THAT(members_of(rows[0]),
                ElementsAre("proto", "state", "local", "remote", "target", "owner", "pid", "idle_seconds"));
    EXPECT_EQ(rows[0]["proto"], "tcp");
    EXPECT_EQ(rows[0]["state"], "LEASED");
    EXPECT_EQ(rows[0]["remote"], Json::parse(R"({"addr": "192.0.2.2", "port": 443})"));
    EXPECT_EQ(rows[0]["target"], "pass");
    EXPECT_EQ(rows[0]["owner"], "crawler");
    EXPECT_EQ(rows[0]["pid"], nullptr);
    EXPECT_THAT(expect_prints("ephemeral list"), HasSubstr("192.0.2.2:443  pass    crawler"));
    expect_quiet("ephemeral lease udp 2001:db8::1 [2001:db8::2]:53 --dry-run");
    EXPECT_EQ(list().size(), 3U);
}

TEST_F(Leases, AreFlowsSoThatNeitherTakesTheOthersTuple) {
    const std::string local = lease("udp 2001:db8::1 [2001:db8::2]:53 --to drop");
    expect_refused(fmt::format("flow add udp {} [2001:db8::2]:53", local), 4, ".*");
    expect_quiet("flow add tcp 192.0.2.1:62000 192.0.2.2:443");
    EXPECT_EQ(lease("tcp 192.0.2.1 192.0.2.2:443 --range 62000-62001"), "192.0.2.1:62001");
    const Outcome none = xdemux("ephemeral lease tcp 192.0.2.1 192.0.2.2:443 --range 62000-62001");
    EXPECT_EQ(none.code, 8);
}

TEST_F(Leases, EndWithTheArithmeticWhenAllAreTaken) {
    const std::string words = "ephemeral lease tcp 192.0.2.1 192.0.2.2:443 --range 62000-62003 --count ";
    const std::string none_left =
        "no port of 62000-62003 is left for tcp from 192.0.2.1 to 192.0.2.2:443: all 4 are taken; 4 ports / 60 s of "
        "TIME_WAIT = 0.1 connections per second to one destination; lease from more addresses or a wider range, or "
        "allow to reuse TIME_WAIT\n";
    const Outcome more = xdemux(words + "5");
    EXPECT_EQ(more.code, 8);
    EXPECT_EQ(more.out, "");
    EXPECT_EQ(more.err, "xdemux: 4 of 5 ports could be had, and were given back: " + none_left);
    EXPECT_EQ(list().size(), 0U);
    EXPECT_EQ(xdemux(words + "4").code, 0);
    EXPECT_EQ(xdemux(words + "1").err, "xdemux: " + none_left);
    EXPECT_EQ(xdemux("ephemeral lease tcp 192.0.2.1 192.0.2.2:80 --range 62000-62003").code, 0);
}

TEST_F(Leases, AreGivenBackByTheirOwnerAlone) {
    const std::string local = lease("tcp 192.0.2.1 192.0.2.2:443 --owner one");
    const std::string words = fmt::format("ephemeral release tcp {} 192.0.2.2:443 --owner ", local);
    expect_refused(words + "other", 4,
                   fmt::format("cannot release tcp {} 192.0.2.2:443: it belongs to \"one\", not to \"other\"", local));
    expect_refused("ephemeral release tcp 192.0.2.1:1 192.0.2.2:443", 5, "no lease tcp 192.0.2.1:1 192.0.2.2:443");
    expect_refused("ephemeral release --all --owner nobody", 5, "no leases of an owner \"nobody\"");
    expect_quiet(words + "one --dry-run");
    EXPECT_EQ(list().size(), 1U);
    expect_quiet(words + "one");
    EXPECT_EQ(list().size(), 0U);
    const std::string block = lease("tcp 192.0.2.1 --block 16 --owner one");
    EXPECT_THAT(block, MatchesRegex("192.0.2.1:[0-9]+-[0-9]+"));
    EXPECT_EQ(list()[0]["remote"], nullptr);
    expect_refused(fmt::format("ephemeral release tcp {} --owner other", block), 4, ".* it belongs to \"one\", .*");
    expect_quiet(fmt::format("ephemeral release tcp {} --owner one", block));
    EXPECT_EQ(xdemux("ephemeral release --all --owner one").code, 0);
    EXPECT_EQ(reserved(), "") << "the last owner is gone";
}

TEST_F(Leases, LeaveOutListenersAndSockets) {
    expect_quiet("listener add tcp 192.0.2.1:62000");
    const Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(62001);
    ASSERT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    ASSERT_EQ(::listen(server.get(), 1), 0);
    EXPECT_EQ(lease("tcp 192.0.2.1 192.0.2.2:443 --range 62000-62002"), "192.0.2.1:62002");
    EXPECT_EQ(xdemux("ephemeral lease tcp 192.0.2.1 192.0.2.2:443 --range 62000-62002").code, 8);
}

TEST_F(Leases, AreKeptFromListenersThatComeLater) {
    const std::string local = lease("tcp 192.0.2.1 192.0.2.2:443 --owner crawler --range 62000-62009");
    const std::string block = lease("udp 192.0.2.1 --block 16 --owner nat --range 63000-63099");
    const std::string port = local.substr(local.find(':') + 1);
    for (const std::string& endpoint :
         std::vector<std::string>{local, "0.0.0.0:" + port, "[::]:" + port, "192.0.2.0/24:61000-65535"})
        expect_refused("listener add tcp " + endpoint, 4,
                       fmt::format("cannot add listener tcp .*: tcp {} 192.0.2.2:443 is leased to \"crawler\"; "
                                   "release it first",
                                   local));
    expect_refused("listener add udp " + block, 4,
                   "cannot add listener udp .*: block .* is leased to \"nat\"; release it first");
    expect_quiet("listener add udp " + local);
    expect_quiet("listener add tcp 192.0.2.1:*");
    expect_quiet("listener add tcp [2001:db8::1]:" + port);
    expect_quiet(fmt::format("ephemeral release tcp {} 192.0.2.2:443 --owner crawler", local));
    expect_quiet("listener add tcp " + local);
}

TEST_F(Leases, AreNotDeletedAsFlows) {
    const std::string local = lease("tcp 192.0.2.1 192.0.2.2:443 --owner crawler");
    expect_quiet("flow add udp 192.0.2.1:53 192.0.2.2:443");
    const std::string words = fmt::format("flow del tcp {} 192.0.2.2:443", local);
    expect_refused(words, 4,
                   fmt::format("cannot delete flow tcp {} 192.0.2.2:443: it is leased to \"crawler\"; run xdemux "
                               "ephemeral release, or use --force",
                               local));
    const Outcome flushed = xdemux("flow flush");
    EXPECT_EQ(flushed.code, 0);
    EXPECT_EQ(flushed.err, "flows deleted: 1\nleases kept: 1; use --leases to delete them too\n");
    EXPECT_EQ(list().size(), 1U);
    expect_quiet(words + " --force");
    EXPECT_EQ(list().size(), 0U);
    lease("tcp 192.0.2.1 192.0.2.2:443 --owner crawler");
    EXPECT_EQ(xdemux("flow flush --leases --dry-run").err, "flows that would be deleted: 1\n");
    EXPECT_EQ(xdemux("flow flush --leases").err, "flows deleted: 1\n");
    EXPECT_EQ(list().size(), 0U);
}

TEST_F(Leases, RefuseBadInput) {
    const std::string words = "ephemeral lease tcp ";
    expect_refused("ephemeral lease tcp", 2, "LOCAL_ADDR is required; .*");
    attach();
    expect_refused(words + "192.0.2.1", 2, "REMOTE or --block N is missing");
    expect_refused(words + "198.51.100.1 192.0.2.2:443", 2, "198.51.100.1 is not an address of this host");
    expect_refused(words + "192.0.2.1 [2001:db8::2]:443", 2, "local .* is IPv4 and remote .* is IPv6; .*");
    expect_refused(words + "192.0.2.1 192.0.2.2:443 --range 30000-20000", 2, ".* runs backwards; use 20000-30000");
    expect_refused(words + "192.0.2.1 192.0.2.2:443 --range 1024-65535", 2, "range 1024-65535 takes the kernel .*");
    expect_refused(words + "192.0.2.1 192.0.2.2:0", 2, ".*");
    expect_refused(words + "192.0.2.1 192.0.2.2:443 --count 0", 2, "--count 0 is outside 1-65535");
    expect_refused(words + "192.0.2.1 192.0.2.2:443 --algorithm best", 2, "unknown algorithm \"best\"; .*");
    expect_refused(words + "192.0.2.1 192.0.2.2:443 --pid 4194304", 5, "no process 4194304");
    expect_refused(words + "192.0.2.1 192.0.2.2:443 --owner a/b", 2, "owner name \"a/b\" is not .*");
    EXPECT_EQ(xdemux(words + "192.0.2.1 192.0.2.2:443 --owner one --quota 1").code, 0);
    const Outcome second = xdemux(words + "192.0.2.1 192.0.2.2:443 --owner one --quota 1");
    EXPECT_EQ(second.code, 8);
    EXPECT_THAT(second.err, HasSubstr("has 1 ports and a quota of 1"));
}

TEST_F(Leases, OfAProcessThatIsKilledAreFreeAfterAQuarantine) {
    const pid_t owner = ::fork();
    if (owner == 0) {
        ::pause();
        ::_exit(0);
    }
    const std::string words = fmt::format("tcp 192.0.2.1 192.0.2.2:443 --owner worker --pid {} --quarantine 1", owner);
    lease(words);
    EXPECT_EQ(list()[0]["pid"], owner);
    EXPECT_EQ(list()[0]["state"], "LEASED");
    ::kill(owner, SIGKILL);
    ::waitpid(owner, nullptr, 0);
    const Json rows = list();
    EXPECT_TRUE(rows.empty() || rows[0]["state"] == "QUARANTINE") << rows;
    EXPECT_TRUE(wait_until([] { return list().empty(); }));
    EXPECT_TRUE(wait_until([] { return reserved().empty(); }));
}

/// Waits in the peer's namespace.
Fd listen_in_peer(const std::string& peer) {
    const auto scope = NetnsScope::enter(peer);
    Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(443);
    EXPECT_EQ(::bind(server.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
    EXPECT_EQ(::listen(server.get(), 1), 0);
    return server;
}

TEST_F(Leases, FollowTheirConnectionFromLeasedToTimeWait) {
    attach("--mode native");
    const std::string local = lease("tcp 192.0.2.1 192.0.2.2:443 --time-wait 1");
    const Fd server = listen_in_peer(peer());
    Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_port = htons(static_cast<std::uint16_t>(std::stoi(local.substr(local.find(':') + 1))));
    ASSERT_EQ(::inet_pton(AF_INET, near_ipv4, &from.sin_addr), 1);
    ASSERT_EQ(::bind(client.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
    sockaddr_in to = from;
    to.sin_port = htons(443);
    ASSERT_EQ(::inet_pton(AF_INET, far_ipv4, &to.sin_addr), 1);
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    EXPECT_TRUE(wait_until([] { return list()[0]["state"] == "IN-USE"; }));
    {
        const Fd served(::accept(server.get(), nullptr, nullptr));
        client.reset();
    }
    // The peer's FIN comes in; then its time goes by.
    EXPECT_TRUE(wait_until([] {
        const Json rows = list();
        return rows.empty() || rows[0]["state"] == "TIME-WAIT";
    }));
    EXPECT_TRUE(wait_until([] { return list().empty(); }));
}

}  // namespace
}  // namespace xdemux::test::lease_test
