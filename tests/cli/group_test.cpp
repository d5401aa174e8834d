// SPDX-License-Identifier: BSD-2-Clause
// Groups from the command line: made, changed, deleted, listed, and asked what a change would move.
#include "support/cli_test.h"

namespace xdemux::test::group_test {
namespace {

using ::testing::HasSubstr;

class Groups : public CliTest {
  protected:
    static Json group(const std::string& name) {
        for (const Json& row : expect_json("group list", "groups"))
            if (row["name"] == name) return row;
        return nullptr;
    }
    static std::string members(const std::string& name) {
        const Json row = group(name);
        std::string text;
        for (const Json& member : row["members"])
            text += member["target"].get<std::string>() + "=" + std::to_string(member["weight"].get<int>()) + " ";
        return text;
    }
};

TEST_F(Groups, AreMadeChangedAndDeleted) {
    expect_quiet("group add web cpu:0=3 pass --fallback drop");
    EXPECT_EQ(group("web")["fallback"], "drop");
    EXPECT_EQ(group("web")["sticky"], false);
    EXPECT_EQ(members("web"), "pass=1 cpu:0=3 ");
    expect_quiet("group set web cpu:0=0 drop=2");
    EXPECT_EQ(members("web"), "pass=1 drop=2 cpu:0=0 ");
    expect_quiet("group set web --remove cpu:0 --remove pass reject=1");
    EXPECT_EQ(members("web"), "drop=2 reject=1 ");
    EXPECT_EQ(expect_json("target list", "targets").size(), 1) << "only the group is left of those that have rows";
    expect_quiet("group del web");
    EXPECT_EQ(expect_json("group list", "groups"), Json::array());
    EXPECT_EQ(expect_json("target list", "targets"), Json::array());
}

TEST_F(Groups, AreListedWithTheirShares) {
    expect_quiet("group add web cpu:0=3 drop --sticky");
    expect_quiet("listener add tcp *:80 --to group:web");
    EXPECT_EQ(expect_prints("group list"),
              "Group  Options               Member  Weight    Share  Flows  Packets  Bytes  Users\n"
              "web    fallback=pass,sticky  drop         1  25.00 %      0        -      -  listener tcp [::]:80\n"
              "web    fallback=pass,sticky  cpu:0        3  75.00 %      0        0      0  listener tcp [::]:80\n");
    const Json row = group("web");
    EXPECT_EQ(members_of(row), (std::vector<std::string>{"name", "fallback", "sticky", "fallback_packets",
                                                         "unkept_packets", "users", "members"}));
    EXPECT_EQ(row["users"], Json::parse(R"(["listener tcp [::]:80"])"));
    EXPECT_EQ(members_of(row["members"][0]),
              (std::vector<std::string>{"target", "weight", "share", "flows", "packets", "bytes"}));
    EXPECT_EQ(row["members"][0]["packets"], nullptr);
    EXPECT_NEAR(row["members"][1]["share"].get<double>(), 0.75, 0.0001);
    EXPECT_EQ(expect_json("listener list", "listeners")[0]["target"], "group:web");
}

TEST_F(Groups, SaySimulatedWhatAChangeWouldMove) {
    expect_quiet("group add web cpu:0 pass drop reject");
    const std::string before = expect_prints("--json group list");
    const Json told = expect_json("group simulate web drop=0", "simulation");
    EXPECT_EQ(members_of(told), (std::vector<std::string>{"group", "moved_share", "least_share", "members"}));
    EXPECT_EQ(told["group"], "web");
    EXPECT_NEAR(told["least_share"].get<double>(), 0.25, 0.0001);
    EXPECT_GE(told["moved_share"].get<double>(), told["least_share"].get<double>());
    EXPECT_LE(told["moved_share"].get<double>(), 0.26);
    EXPECT_EQ(members_of(told["members"][0]),
              (std::vector<std::string>{"target", "weight_before", "weight_after", "share_before", "share_after"}));
    const std::string text = expect_prints("group simulate web reject=5 --remove cpu:0");
    EXPECT_THAT(text, HasSubstr("Member  Weight    Share  New-Weight  New-Share\n"));
    EXPECT_THAT(text, HasSubstr("cpu:0        1  25.00 %           -     0.00 %\n"));
    EXPECT_THAT(text, HasSubstr("Moved: "));
    EXPECT_EQ(expect_prints("--json group list"), before) << "it changes nothing";
}

TEST_F(Groups, InUseAreKept) {
    expect_quiet("group add web cpu:0 drop");
    expect_quiet("listener add tcp *:80 --to group:web");
    expect_quiet("listener add udp *:53 --to group:web");
    expect_refused("group del web", 4,
                   "group \"web\" is in use by listener tcp \\[::\\]:80, listener udp \\[::\\]:53; delete that first");
    expect_quiet("listener del tcp *:80");
    expect_quiet("listener del udp *:53");
    expect_quiet("group del web");
}

TEST_F(Groups, RefuseWhatCannotBe) {
    expect_quiet("group add web cpu:0 drop");
    expect_refused("group add web cpu:0", 4, "group \"web\" is there already; change it with xdemux group set, .*");
    expect_refused("group add", 2, "NAME is required; .*");
    expect_refused("group add other", 2, "MEMBER is required; .*");
    expect_refused("group add o/ther drop", 2, "group name \"o/ther\": 1 to 15 letters, .*");
    expect_refused("group add other drop cpu:0 drop=2", 2, "member drop is named twice; .*");
    expect_refused("group add other group:web", 2, "member group:web: a group cannot be a member of a group; .*");
    expect_refused("group add other socket:a", 2, "member socket:a: a socket cannot be a member of a group, .*");
    expect_refused("group add other cpus:1", 2, "unknown target \"cpus:1\"; .*");
    expect_refused("group add other drop=65536", 2, "member \"drop=65536\": its weight is outside 0-65535");
    expect_refused("group add other drop --fallback cpu:0", 2, "--fallback \"cpu:0\" is neither pass, drop nor reject");
    expect_refused("group add other cpu:900", 5, "target cpu:900: this machine has no CPU 900; .*");
    expect_refused("group add other dev:nowhere", 5, ".*no interface \"nowhere\".*");
    expect_refused("group set web", 2, "nothing to change: MEMBER=WEIGHT or --remove MEMBER is missing");
    expect_refused("group set web drop", 2, "member \"drop\" wants a weight: drop=1, or drop=0 to drain it");
    expect_refused("group set web --remove reject", 5, "group \"web\": reject is no member of the group");
    for (const auto* verb : {"set other drop=1", "simulate other drop=1", "del other"})
        EXPECT_THAT(xdemux(std::string("group ") + verb).err,
                    HasSubstr("no group \"other\"; make it with xdemux group"));
    expect_refused("group del other", 5, "no group \"other\"; make it with xdemux group add");
    expect_refused("listener add tcp *:80 --to group:other", 5, "no group \"other\"; make it with xdemux group add");
    expect_quiet("group set web drop=3 --dry-run");
    EXPECT_EQ(members("web"), "drop=1 cpu:0=1 ");
    expect_quiet("group del web --dry-run");
    expect_quiet("group add more drop --dry-run");
    EXPECT_EQ(expect_json("group list", "groups").size(), 1);
}

TEST_F(Groups, AreNotStickyWhereAListenerHasARate) {
    expect_quiet("group add web cpu:0 --sticky");
    expect_refused("listener add udp *:53 --to group:web --rate 10", 2,
                   "listener udp \\[::\\]:53 has a rate, and group:web is sticky: .*");
    expect_quiet("listener add udp *:53 --to group:web --from 10.0.0.0/8");
}

TEST_F(Groups, ListenersThatShareAnEndpointAreOne) {
    expect_quiet("listener add udp *:53 --to cpu:0 --reuseport --name a");
    EXPECT_EQ(expect_json("group list", "groups"), Json::array());
    expect_quiet("listener add udp *:53 --to cpu:0,queue=64 --reuseport --name b");
    Json rows = expect_json("group list", "groups");
    ASSERT_EQ(rows.size(), 1);
    EXPECT_EQ(rows[0]["name"], nullptr);
    EXPECT_EQ(rows[0]["members"].size(), 2);
    EXPECT_NEAR(rows[0]["members"][0]["share"].get<double>(), 0.5, 0.0001);
    expect_quiet("listener add udp *:53 --to cpu:0 --reuseport --name c");
    EXPECT_NEAR(expect_json("group list", "groups")[0]["members"][0]["share"].get<double>(), 2.0 / 3, 0.0001);
    // The one in front goes: its group goes with it, and those that are left are another.
    expect_quiet("listener del udp *:53 --name a");
    rows = expect_json("group list", "groups");
    ASSERT_EQ(rows.size(), 1);
    EXPECT_NEAR(rows[0]["members"][0]["share"].get<double>(), 0.5, 0.0001);
    expect_quiet("listener del udp *:53 --name b");
    EXPECT_EQ(expect_json("group list", "groups"), Json::array());
    EXPECT_EQ(expect_json("target list", "targets").size(), 1);
    expect_refused("listener add udp *:53 --to drop --reuseport --name d", 4,
                   ".*has one kind of target, and that is cpu");
    expect_refused("listener add udp *:50-60 --to cpu:0 --reuseport --name d", 4, ".*that steers have the same ports");
}

}  // namespace
}  // namespace xdemux::test::group_test
