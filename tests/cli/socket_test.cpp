// SPDX-License-Identifier: BSD-2-Clause
// Sockets under names: registered from another process and inherited, shown, and kept while listeners lead to them.
#include <cstdlib>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xdemux/base/fd.h>

#include "support/cli_test.h"

namespace xdemux::test::socket_test {
namespace {

using ::testing::HasSubstr;

class Sockets : public CliTest {
  protected:
    void SetUp() override {
        server_ = Fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::listen(server_.get(), 8), 0);
        attach("--enforce");
    }

    [[nodiscard]] std::string ours() const { return fmt::format("--pid {} --fd {}", ::getpid(), server_.get()); }

    Fd server_;
};

TEST_F(Sockets, AreRegisteredByProcessAndDescriptor) {
    expect_quiet("listener add tcp *:4080 --to socket:web");
    Json rows = expect_json("socket list", "sockets");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(members_of(rows[0]), (std::vector<std::string>{"name", "proto", "local", "v6only", "cookie", "process",
                                                             "listeners", "fallback", "packets", "fallback_packets"}));
    EXPECT_EQ(rows[0]["cookie"], nullptr);
    expect_quiet("socket register web " + ours());
    rows = expect_json("socket list", "sockets");
    EXPECT_EQ(rows[0]["name"], "web");
    EXPECT_EQ(rows[0]["proto"], "tcp");
    EXPECT_EQ(rows[0]["local"]["addr"], "::");
    EXPECT_EQ(rows[0]["process"]["pid"], ::getpid());
    EXPECT_EQ(rows[0]["listeners"], 1);
    EXPECT_THAT(expect_prints("socket list"), HasSubstr(fmt::format("({})", ::getpid())));
    EXPECT_THAT(expect_prints("listener list"), HasSubstr("socket:web"));
    EXPECT_EQ(expect_json("explain tcp 192.0.2.2:4000 192.0.2.1:4080", "explain")["verdict"], "pass");
}

TEST_F(Sockets, AreRegisteredByAnInheritedDescriptor) {
    const RunOptions inherit{.in_child = [&] { ::fcntl(server_.get(), F_SETFD, 0); }};
    expect_quiet(fmt::format("socket register web --fd {}", server_.get()), inherit);
    EXPECT_EQ(expect_json("socket list", "sockets")[0]["proto"], "tcp");
    expect_quiet("socket unregister web");
    EXPECT_EQ(expect_json("socket list", "sockets").size(), 0U);
}

TEST_F(Sockets, AreNotTakenWhereTheyAreNot) {
    expect_refused("socket register web", 2,
                   "no socket to register; name it by --pid P --fd N, --fd N, or --listen-fds");
    expect_refused("socket register web --pid 1", 2, ".*--pid requires --fd.*");
    expect_refused("socket register web --fd x", 2, ".*--fd.*");
    expect_refused("socket register web --fd 3 --listen-fds", 2, ".*excludes.*");
    expect_refused("socket register a/b " + ours(), 2, ".*a/b.*");
    expect_refused("socket register web --pid 4194305 --fd 3", 5,
                   "cannot register socket \"web\": there is no process 4194305");
    expect_refused(fmt::format("socket register web --pid {} --fd 987", ::getpid()), 5,
                   "cannot register socket \"web\": process [0-9]+ has no descriptor 987 open");
    expect_refused("socket register web --fd 987", 5,
                   "cannot register socket \"web\": descriptor 987 of this process is not open");
    expect_refused("socket register web --listen-fds", 5, ".*the service manager passed no sockets to this process.*");
    expect_refused("socket register web --fd 0", 2, "cannot register socket \"web\": it is no socket");
    expect_refused("socket unregister web", 5, "no socket is registered as \"web\"");
}

TEST_F(Sockets, StayWhileListenersLeadToThem) {
    expect_quiet("socket register web " + ours() + " --dry-run");
    EXPECT_EQ(expect_json("socket list", "sockets").size(), 0U);
    expect_quiet("socket register web " + ours());
    expect_quiet("listener add tcp *:4080 --to socket:web");
    expect_refused("socket unregister web", 4,
                   "cannot unregister socket \"web\": in use by listener tcp \\[::\\]:4080; delete that first, or "
                   "register another socket in its place");
    expect_refused("listener add udp *:53 --to socket:web", 2,
                   "socket \"web\" cannot serve listener udp \\[::\\]:53: it is a tcp socket; register a udp one");
    expect_quiet("listener del tcp *:4080");
    expect_quiet("socket unregister web");
}

TEST_F(Sockets, AreNoTargetOfAFlow) {
    expect_refused("flow add tcp 192.0.2.1:80 192.0.2.2:4000 --to socket:web", 2,
                   "a flow cannot go to socket:web: .*use listener add");
    expect_refused("listener add tcp *:80 --to socket:web,fallback=drop", 2,
                   ".*can be passed or rejected, not dropped in silence; use fallback=reject");
}

TEST_F(Sockets, WaitForEnforceMode) {
    xdemux("set --monitor");
    const Outcome told = xdemux("socket register web " + ours());
    EXPECT_EQ(told.code, 0);
    EXPECT_THAT(told.err, HasSubstr("only monitors: nothing is delivered to \"web\" before xdemux set --enforce"));
}

TEST_F(Sockets, PrefixesThatAreNotLocalAreFound) {
    expect_quiet("listener add tcp 203.0.113.0/24:80 --to socket:web");
    EXPECT_THAT(xdemux("doctor").out, HasSubstr("ip route add local 203.0.113.0/24 dev lo"));
    EXPECT_THAT(expect_prints("status"), HasSubstr("target socket:web cannot act: no socket is registered"));
}

}  // namespace
}  // namespace xdemux::test::socket_test
