// SPDX-License-Identifier: BSD-2-Clause
// The host's ephemeral ports as a user sees and changes them, in a network namespace of their own.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include <xdemux/kernel/ephemeral_sysctl.h>

#include "support/cli_test.h"

namespace xdemux::test::ephemeral_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// The kernel's settings are the same after each test as before it.
class EphemeralPorts : public CliTest {
  protected:
    void SetUp() override { ASSERT_TRUE(write_ephemeral_settings(usual)); }
    void TearDown() override {
        xdemux("rollback");
        EXPECT_TRUE(write_ephemeral_settings(usual));
        CliTest::TearDown();
    }

    static EphemeralSettings settings() { return read_ephemeral_settings().value_or(EphemeralSettings{}); }
    static std::string range() { return settings().range.to_string(); }
    static std::string reserved() { return settings().reserved.to_string(); }
    static Outcome set(const std::string& words) {
        Outcome outcome = xdemux("ephemeral set " + words);
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        EXPECT_EQ(outcome.out, "");
        return outcome;
    }
    /// Refused, and nothing is changed.
    static void refused(const std::string& words, int code, const std::string& message) {
        const EphemeralSettings before = settings();
        expect_refused("ephemeral set " + words, code, message);
        EXPECT_EQ(settings(), before) << words;
    }

    static inline const EphemeralSettings usual{{32768, 60999}, {}};
};

TEST_F(EphemeralPorts, ShowTellsRangeArithmeticAndPresets) {
    const std::string text = expect_prints("ephemeral show");
    EXPECT_THAT(text, HasSubstr("range        32768-60999 (linux), IPv4 and IPv6\n"));
    EXPECT_THAT(text, HasSubstr("ports        28232, 0 reserved\n"));
    EXPECT_THAT(text, HasSubstr("28232 ports / 60 s of TIME_WAIT = 470.5 connections per second to one destination\n"));
    EXPECT_THAT(text, HasSubstr("freebsd    10000-65535  55536       925.6  FreeBSD\n"));
    EXPECT_THAT(text, HasSubstr("\n................................----------------------------....\n"));
    const Json json = expect_json("ephemeral show", "ephemeral");
    EXPECT_THAT(members_of(json), ElementsAre("range", "presets", "ports", "reserved", "usable", "cliff", "in_use",
                                              "time_wait", "time_wait_seconds", "time_wait_reuse",
                                              "sustainable_per_second", "destinations", "listeners", "pending"));
    EXPECT_EQ(json["range"], Json::parse(R"({"first": 32768, "last": 60999})"));
    EXPECT_EQ(json["cliff"], 14'116);
    EXPECT_EQ(json["presets"].size(), 6U);
    EXPECT_EQ(json["pending"], nullptr);
}

TEST_F(EphemeralPorts, ShowCountsByDestinationAndNamesListenersInTheRange) {
    // Of three connections to one server one is closed by the client, which keeps it in TIME_WAIT.
    const std::string python =
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 40001))\n"
        "clients = []\n"
        "for i in range(3):\n"
        "    client = socket.create_connection(('127.0.0.1', 40001))\n"
        "    served, _ = server.accept()\n"
        "    clients.append((client, served))\n"
        "client, served = clients.pop()\n"
        "client.close()\n"
        "served.close()\n"
        "print('ready', flush=True)\n"
        "input()\n";
    const std::string path = fmt::format("/tmp/xdemux-ephemeral-{}.py", ::getpid());
    std::ofstream(path) << python;
    FILE* server = ::popen(fmt::format("python3 {} > {}.out", path, path).c_str(), "we");
    ASSERT_NE(server, nullptr);
    const bool ready = wait_until([&] {
        std::error_code none;
        const auto size = std::filesystem::file_size(path + ".out", none);
        return !none && size > 0;
    });
    EXPECT_TRUE(ready);
    const Json json = expect_json("ephemeral show", "ephemeral");
    ASSERT_EQ(json["destinations"].size(), 1U) << json;
    const Json use = json["destinations"][0];
    EXPECT_EQ(use["proto"], "tcp");
    EXPECT_EQ(use["local"], "127.0.0.1");
    EXPECT_EQ(use["remote"], Json::parse(R"({"addr": "127.0.0.1", "port": 40001})"));
    EXPECT_EQ(use["in_use"], 2);
    EXPECT_EQ(use["time_wait"], 1);
    EXPECT_EQ(use["left"], 28'232 - 3);
    EXPECT_EQ(use["to_cliff"], 14'116 - 3);
    ASSERT_EQ(json["listeners"].size(), 1U);
    EXPECT_EQ(json["listeners"][0]["port"], 40'001);
    EXPECT_THAT(std::string(json["listeners"][0]["who"]), HasSubstr("python3 "));
    EXPECT_THAT(expect_prints("ephemeral show"), ::testing::ContainsRegex("\n[.]+[-1]+L[-1]+[.]+\n"));
    refused("1024-65535", 4,
            "range 1024-65535 holds ports of listeners, which an outgoing connection could take while they are "
            "restarted: tcp 40001 \\(python3 [0-9]+\\); add --reserve 40001, or use --force");
    EXPECT_THAT(set("65000-65535 --dry-run").err, HasSubstr("3 connections have a port outside of 65000-65535"));
    set("1024-65535 --reserve 40001");
    EXPECT_EQ(reserved(), "40001");
    EXPECT_THAT(set("1024-65535 --unreserve 40001 --force").err, HasSubstr("tcp 40001 (python3 "));
    std::fputs("\n", server);
    ::pclose(server);
    std::filesystem::remove(path);
    std::filesystem::remove(path + ".out");
}

TEST_F(EphemeralPorts, SetWritesTheKernelsRangeAndReservedPorts) {
    EXPECT_THAT(set("iana --reserve 50000-50010,8080").err,
                HasSubstr("28232 usable ports before, 16373 now: 16373 ports / 60 s of TIME_WAIT = 272.9 "));
    EXPECT_EQ(range(), "49152-65535");
    EXPECT_EQ(reserved(), "8080,50000-50010");
    set("linux --reserve 9000 --unreserve 8080");
    EXPECT_EQ(range(), "32768-60999");
    EXPECT_EQ(reserved(), "9000,50000-50010");
    set("20000-30000 --dry-run");
    EXPECT_EQ(range(), "32768-60999");
}

TEST_F(EphemeralPorts, RefusesBadRanges) {
    refused("60000-50000", 2, ".*60000-50000 runs backwards; use 50000-60000");
    refused("0-100", 2, "ephemeral range \"0-100\": .*");
    refused("40000", 2, "ephemeral range \"40000\" is a single port; use LO-HI");
    refused("solaris", 2, "unknown range \"solaris\"; use iana, .*");
    refused("1000-65535", 2, "range 1000-65535 begins below 1024, .*; use 1024-65535");
    refused("40000-40001 --reserve 40000-40001", 2, "no port of 40000-40001 would be left: all are reserved");
    refused("linux --reserve http", 2, "port list \"http\": \"http\" is no port and no range; use P,P-P");
    refused("linux --confirm 0", 2, "--confirm 0 is outside 1-86400");
    refused("", 2, "RANGE is required; see \"xdemux ephemeral set --help\"");
}

TEST_F(EphemeralPorts, GoBackByThemselvesUnlessConfirmed) {
    EXPECT_THAT(set("iana --reserve 50000 --confirm 1").err,
                HasSubstr("it goes back in 1 s unless \"xdemux confirm\" is run\n"));
    EXPECT_EQ(range(), "49152-65535");
    EXPECT_TRUE(wait_until([] { return range() == "32768-60999"; }));
    EXPECT_TRUE(wait_until([] { return expect_json("ephemeral show", "ephemeral")["pending"] == nullptr; }));
    EXPECT_EQ(reserved(), "");
    EXPECT_EQ(xdemux("confirm").code, 3);
}

TEST_F(EphemeralPorts, StayAsTheyAreOnceConfirmed) {
    set("iana --confirm 600");
    const Json pending = expect_json("ephemeral show", "ephemeral")["pending"];
    EXPECT_EQ(pending["range"], Json::parse(R"({"first": 32768, "last": 60999})"));
    EXPECT_GT(pending["seconds_left"], 0);
    expect_quiet("confirm --dry-run");
    expect_quiet("confirm");
    EXPECT_EQ(expect_json("ephemeral show", "ephemeral")["pending"], nullptr);
    EXPECT_EQ(xdemux("confirm").code, 3);
    EXPECT_EQ(range(), "49152-65535");
}

TEST_F(EphemeralPorts, RollbackTakesBackWhatWaitsAndNoMore) {
    set("iana --reserve 50000 --confirm 600");
    // A change without a deadline joins the one that waits, and what others change stays.
    set("20000-30000");
    ASSERT_TRUE(change_reserved_ports(PortSet::parse("7000").value(), {}));
    expect_quiet("rollback");
    EXPECT_EQ(range(), "32768-60999");
    EXPECT_EQ(reserved(), "7000");
    EXPECT_EQ(xdemux("rollback").code, 3);
}

TEST_F(EphemeralPorts, ConfirmSettlesAnInstancesSettingsToo) {
    attach();
    set("iana --confirm 600");
    expect_quiet("confirm");
    EXPECT_EQ(xdemux("confirm").code, 5);
    EXPECT_EQ(xdemux("set --enforce --confirm 600").code, 0);
    set("linux --confirm 600");
    expect_quiet("rollback");
    EXPECT_EQ(range(), "49152-65535");
    EXPECT_EQ(expect_json("status", "status")["mode"], "monitor");
}

TEST_F(EphemeralPorts, SimulatePredictsExhaustionAndWhoIsGuessed) {
    const std::string words = "ephemeral simulate --range 10000-10999 --rate 100 --hold 0 --duration 30 --seed 7";
    const std::string text = expect_prints(words);
    EXPECT_THAT(text, HasSubstr("algorithm    permutation (Keyed Random Permutation)\n"));
    EXPECT_THAT(text, HasSubstr("needs        6000 ports to each destination; there are 1000\n"));
    EXPECT_THAT(text, HasSubstr("1000 ports / (0 s + 60 s) = 16.7 connections per second to one destination\n"));
    EXPECT_THAT(text, HasSubstr("exhausted    after "));
    EXPECT_EQ(expect_prints(words), text);
    const Json json = expect_json(words + " --algorithm sequential", "simulation");
    EXPECT_EQ(json["algorithm"], "sequential");
    EXPECT_EQ(json["safe"], false);
    EXPECT_EQ(json["opened"], 1000);
    EXPECT_LT(json["guess_bits"]["from_own"], 0.01);
    EXPECT_EQ(json["samples"].size(), 240U);
    EXPECT_THAT(expect_prints(words + " --algorithm sequential"), HasSubstr("0.0 of 10.0 bits: it can be guessed"));
}

TEST_F(EphemeralPorts, SimulateDrawsPngAndSvg) {
    const std::string words = "ephemeral simulate --range 10000-10999 --rate 50 --duration 20 --plot ";
    for (const auto& [end, magic] : {std::pair(".png", "\x89PNG"), std::pair(".svg", "<?xml")}) {
        const std::string path = fmt::format("/tmp/xdemux-plot-{}{}", ::getpid(), end);
        expect_prints(words + path);
        std::ifstream file(path, std::ios::binary);
        std::stringstream content;
        content << file.rdbuf();
        EXPECT_EQ(content.str().rfind(magic, 0), 0U) << path;
        EXPECT_GT(content.str().size(), 5000U);
        std::filesystem::remove(path);
    }
    expect_refused(words + "/tmp/plot.gif", 2, "plot file \"/tmp/plot.gif\" ends neither in .png nor in .svg");
    expect_refused("ephemeral simulate --rate 0", 2, "--rate 0 is outside .*");
    expect_refused("ephemeral simulate --algorithm best", 2, "unknown algorithm \"best\"; use simple-random, .*");
}

}  // namespace
}  // namespace xdemux::test::ephemeral_test
