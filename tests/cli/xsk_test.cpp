// SPDX-License-Identifier: BSD-2-Clause
// AF_XDP applications as the tool shows and takes them.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/xsk_socket.h>

#include "support/cli_test.h"

namespace xdemux::test::xsk_test {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Xsks : public CliTest {
  protected:
    void SetUp() override { attach("--enforce"); }

    static XskSocket open_socket() {
        return XskSocket::open({interface_by_name(near_device).value().ifindex, 0}).value();
    }
    /// The words that hand this process's socket over.
    static std::string ours(const XskSocket& socket) {
        return fmt::format("--pid {} --fd {}", ::getpid(), socket.fd());
    }
};

TEST_F(Xsks, ARegisteredSocketIsListedWithWhatCameToIt) {
    const XskSocket socket = open_socket();
    expect_quiet("listener add udp *:53 --to xsk:dns,fallback=drop");
    Json waiting = expect_json("xsk list", "xsks");
    ASSERT_EQ(waiting.size(), 1);
    EXPECT_EQ(waiting[0]["queues"], Json::array());
    EXPECT_THAT(expect_prints("xsk list"), ContainsRegex("dns +0 +0 +drop +- +- +none +-\n"));

    expect_quiet("xsk register dns --dev xd0 --queue 0 --dry-run " + ours(socket));
    EXPECT_EQ(expect_json("xsk list", "xsks"), waiting);
    expect_quiet("xsk register dns --dev xd0 --queue 0 " + ours(socket));
    const Json xsks = expect_json("xsk list", "xsks");
    ASSERT_EQ(xsks.size(), 1);
    EXPECT_THAT(members_of(xsks[0]),
                ElementsAre("name", "fallback", "packets", "bytes", "fallback_packets", "fallback_bytes", "queues"));
    EXPECT_EQ(xsks[0]["name"], "dns");
    EXPECT_EQ(xsks[0]["fallback"], "drop");
    ASSERT_EQ(xsks[0]["queues"].size(), 1);
    const Json& queue = xsks[0]["queues"][0];
    EXPECT_THAT(members_of(queue), ElementsAre("dev", "ifindex", "queue", "process", "alive"));
    EXPECT_EQ(queue["dev"], "xd0");
    EXPECT_EQ(queue["queue"], 0);
    EXPECT_EQ(queue["process"], (Json{{"pid", ::getpid()}, {"name", "cli_tests"}}));
    EXPECT_EQ(queue["alive"], true);
    EXPECT_THAT(expect_prints("xsk list"),
                ContainsRegex(fmt::format("dns +0 +0 +drop +xd0 +0 +open +cli_tests \\({}\\)\n", ::getpid())));

    EXPECT_EQ(expect_json("explain udp 192.0.2.2:9 192.0.2.1:53 --queue 0", "explain")["action"], "steer");
    expect_refused("explain udp 192.0.2.2:9 192.0.2.1:53 --queue 1", 2, "xd0 has no receive queue 1; its last is 0");

    expect_refused("xsk unregister dns", 4,
                   "cannot unregister \"dns\": in use by listener udp \\[::\\]:53; delete that first, or use --force: "
                   "its packets fall back then");
    expect_quiet("xsk unregister dns --dev xd0 --queue 0 --force --dry-run");
    EXPECT_EQ(expect_json("xsk list", "xsks"), xsks);
    expect_quiet("xsk unregister dns --dev xd0 --queue 0 --force");
    EXPECT_EQ(expect_json("xsk list", "xsks"), waiting);
    expect_quiet("listener del udp *:53");
    EXPECT_EQ(expect_json("xsk list", "xsks"), Json::array());
}

TEST_F(Xsks, ASocketComesByInheritanceToo) {
    const XskSocket socket = open_socket();
    constexpr int passed = 7;
    expect_quiet("xsk register dns --dev xd0 --queue 0 --fd 7",
                 {.in_child = [&] { (void)::dup2(socket.fd(), passed); }});
    const Json xsks = expect_json("xsk list", "xsks");
    ASSERT_EQ(xsks.size(), 1);
    EXPECT_EQ(xsks[0]["queues"][0]["process"]["pid"], ::getpid());
    EXPECT_EQ(xsks[0]["queues"][0]["alive"], true);
}

TEST_F(Xsks, WhatDoesNotFitIsRefused) {
    const XskSocket socket = open_socket();
    const std::string add = "xsk register dns --dev xd0 --queue 0 ";
    expect_refused(add + "--fd 0", 2, "cannot register \"dns\": descriptor 0 is no AF_XDP socket");
    expect_refused(add + "--fd 99", 5, "cannot register \"dns\": descriptor 99 is not open");
    expect_refused(add + fmt::format("--pid {} --fd 999", ::getpid()), 5,
                   "cannot register \"dns\": process [0-9]+ has no descriptor 999 open");
    expect_refused(add + "--pid 4194304 --fd 3", 5, "cannot register \"dns\": there is no process 4194304");
    expect_refused("xsk register dns --dev xd9 --queue 0 " + ours(socket), 5, ".*xd9.*");
    expect_refused("xsk register dns --dev xd0 --queue 5 " + ours(socket), 2,
                   "cannot register \"dns\": descriptor [0-9]+ of process [0-9]+ is bound to queue 0 of xd0, not to "
                   "queue 5 of xd0");
    expect_refused("xsk register dns --dev xd0 --queue x --fd 3", 2, "--queue \"x\" is not a number from 0 to 65535");
    expect_refused(add + ours(socket) + " --fallback xsk:a", 2,
                   "unknown fallback \"xsk:a\"; it is pass, drop or reject");
    expect_refused("xsk register d/s --dev xd0 --queue 0 " + ours(socket), 2,
                   "cannot register \"d/s\": target \"xsk:d/s\": a name is 1 to 15 letters, digits, .*");
    expect_refused("xsk unregister dns", 5, "no AF_XDP socket is registered as \"dns\"; see xdemux xsk list");
    expect_quiet(add + ours(socket));
    expect_refused(
        add + ours(socket), 4,
        "cannot register \"dns\": queue 0 of xd0 is served for xsk:dns by a socket of cli_tests \\([0-9]+\\); "
        "end that, or run xdemux xsk unregister dns --dev xd0 --queue 0");
    expect_refused("xsk unregister dns --queue 3", 5,
                   "no AF_XDP socket is registered as \"dns\" for queue 3; see xdemux xsk list");
    expect_refused("listener add udp *:53 --to xsk:dns,fallback=drop", 4, ".*in use with fallback pass.*");
}

TEST_F(Xsks, WhyOneCannotActIsToldEverywhere) {
    expect_quiet("listener add udp *:53 --to xsk:dns");
    constexpr auto why = "no AF_XDP socket is registered under its name";
    EXPECT_EQ(expect_json("target list", "targets")[0]["hindrance"], why);
    EXPECT_THAT(xdemux("status").out, HasSubstr(why));
    EXPECT_THAT(xdemux("doctor").out, HasSubstr(why));
    const XskSocket socket = open_socket();
    expect_quiet("xsk register dns --dev xd0 --queue 0 " + ours(socket));
    EXPECT_EQ(expect_json("target list", "targets")[0]["hindrance"], nullptr);
}

TEST_F(Xsks, InMonitorModeItIsSaidThatNothingIsSteered) {
    EXPECT_EQ(xdemux("set --monitor").code, 0);
    const XskSocket socket = open_socket();
    const Outcome added = xdemux("xsk register dns --dev xd0 --queue 0 " + ours(socket));
    EXPECT_EQ(added.code, 0);
    EXPECT_EQ(added.out, "");
    EXPECT_THAT(added.err, HasSubstr("only monitors: its packets are counted, and go to the stack\n"));
}

}  // namespace
}  // namespace xdemux::test::xsk_test
