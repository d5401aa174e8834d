// SPDX-License-Identifier: BSD-2-Clause
// Each command at its work: text, JSON field by field, silence of the verbs that change.
#include <fmt/format.h>

#include <xdemux/contract.h>

#include "support/cli_test.h"

namespace xdemux::test::object_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Names = std::vector<std::string>;

class Objects : public CliTest {};

TEST_F(Objects, AttachTellsPeopleModeAndMemoryAndPrintsNothing) {
    const Outcome dry = xdemux("attach xd0 --mode native --dry-run");
    EXPECT_EQ(dry.code, 0) << dry.err;
    EXPECT_EQ(dry.out, "");
    EXPECT_EQ(state_dump(), "not loaded");
    const Outcome attached = xdemux("attach xd0 --mode native --enforce --closed drop --flows 1000");
    EXPECT_EQ(attached.code, 0);
    EXPECT_EQ(attached.out, "");
    EXPECT_THAT(attached.err, HasSubstr("xd0 is attached in native mode\n"));
    EXPECT_THAT(attached.err,
                ::testing::ContainsRegex("the tables of instance \"cli-test-[0-9]+\" take [0-9]+ bytes\n"));
    const Json status = expect_json("status", "status");
    EXPECT_THAT(members_of(status), ElementsAre("instance", "netns", "mode", "closed", "host", "interfaces", "contract",
                                                "memory_bytes", "flow_capacity", "listener_capacity",
                                                "shared_port_counters", "pending", "hindered_targets"));
    EXPECT_EQ(status["instance"], instance());
    EXPECT_EQ(status["mode"], "enforce");
    EXPECT_EQ(status["closed"], "drop");
    EXPECT_EQ(status["host"], true);
    EXPECT_EQ(status["netns"], nullptr);
    EXPECT_EQ(status["contract"], contract::CONTRACT_VERSION);
    EXPECT_EQ(status["hindered_targets"], Json::array());
    EXPECT_GT(status["memory_bytes"], 0);
    EXPECT_EQ(status["flow_capacity"], 1000);
    EXPECT_EQ(status["pending"], nullptr);
    ASSERT_EQ(status["interfaces"].size(), 1);
    EXPECT_THAT(members_of(status["interfaces"][0]), ElementsAre("dev", "ifindex", "xdp_mode", "prog_id", "state"));
    EXPECT_EQ(status["interfaces"][0]["dev"], "xd0");
    EXPECT_EQ(status["interfaces"][0]["xdp_mode"], "native");
    EXPECT_THAT(expect_prints("status"), HasSubstr("mode       enforce\n"));
    EXPECT_THAT(expect_prints("status"), HasSubstr("xd0"));
}

TEST_F(Objects, AttachingAgainIsSuccessAndOtherSettingsAreNot) {
    attach("--mode native");
    EXPECT_EQ(xdemux("attach xd0").code, 0);
    EXPECT_EQ(xdemux("attach xd0 --mode native").code, 0);
    expect_refused("attach xd0 --mode generic", 4, "xd0 is attached in native mode already; detach it first");
    expect_refused("attach xd0 --enforce", 4, ".*mode is monitor, not enforce; change them with xdemux set");
    expect_refused("attach xd0 --flows 5", 4, ".*has room for 65536 flows, not 5.*");
}

TEST_F(Objects, DetachKeepsTheInstanceAndUnloadEndsIt) {
    attach();
    expect_quiet("listener add tcp 0.0.0.0:80");
    expect_quiet("detach xd0 --dry-run");
    EXPECT_EQ(expect_json("status", "status")["interfaces"].size(), 1);
    expect_quiet("detach xd0");
    EXPECT_EQ(expect_json("status", "status")["interfaces"].size(), 0);
    EXPECT_EQ(expect_json("listener list", "listeners").size(), 1);
    expect_refused("detach xd0", 3, "xd0 is not attached to instance \".*\"");
    attach();
    expect_quiet("detach --all");
    EXPECT_EQ(expect_json("status", "status")["interfaces"].size(), 0);
    expect_quiet("unload --dry-run");
    EXPECT_EQ(expect_json("listener list", "listeners").size(), 1);
    expect_quiet("unload");
    EXPECT_EQ(state_dump(), "not loaded");
}

TEST_F(Objects, SetChangesWhatItNamesAlone) {
    attach("--closed reject");
    expect_quiet("set --enforce --dry-run");
    EXPECT_EQ(expect_json("status", "status")["mode"], "monitor");
    expect_quiet("set --enforce");
    Json status = expect_json("status", "status");
    EXPECT_EQ(status["mode"], "enforce");
    EXPECT_EQ(status["closed"], "reject");
    EXPECT_EQ(status["host"], true);
    expect_quiet("set --monitor --closed drop --no-host");
    status = expect_json("status", "status");
    EXPECT_EQ(status["mode"], "monitor");
    EXPECT_EQ(status["closed"], "drop");
    EXPECT_EQ(status["host"], false);
    expect_quiet("set --host");
    EXPECT_EQ(expect_json("status", "status")["host"], true);
}

TEST_F(Objects, AChangeToBeConfirmedIsKeptOrTakenBack) {
    attach();
    expect_refused("confirm", 5, "nothing to confirm.*");
    expect_refused("confirm --dry-run", 5, ".*nothing to confirm");
    expect_refused("rollback", 5, "nothing to confirm.*");
    const Outcome set = xdemux("set --enforce --confirm 600");
    EXPECT_EQ(set.code, 0);
    EXPECT_EQ(set.out, "");
    EXPECT_EQ(set.err, "it goes back in 600 s unless \"xdemux confirm\" is run\n");
    const Json pending = expect_json("status", "status")["pending"];
    EXPECT_THAT(members_of(pending), ElementsAre("mode", "closed", "host", "seconds_left"));
    EXPECT_EQ(pending["mode"], "monitor");
    EXPECT_GT(pending["seconds_left"], 500);
    expect_quiet("rollback --dry-run");
    expect_quiet("rollback");
    EXPECT_EQ(expect_json("status", "status")["mode"], "monitor");
    EXPECT_EQ(xdemux("set --enforce --confirm 600").code, 0);
    expect_quiet("confirm");
    const Json status = expect_json("status", "status");
    EXPECT_EQ(status["mode"], "enforce");
    EXPECT_EQ(status["pending"], nullptr);
}

TEST_F(Objects, ListenersOfEveryFormAreListedAsTheyWereAdded) {
    for (const char* words : {"tcp 192.0.2.1:https --to drop --name web", "tcp 203.0.113.0/24:443", "udp *:53",
                              "tcp [::]:80 --v6only --dev xd0", "tcp 192.0.2.1:8000-8999 --to reject",
                              "tcp [2001:db8::/64]:*", "tcp 0.0.0.0:22 --reuseport --name a"})
        expect_quiet(fmt::format("listener add {}", words));
    const Json rows = expect_json("listener list", "listeners");
    ASSERT_EQ(rows.size(), 7);
    for (const Json& row : rows)
        EXPECT_THAT(members_of(row), ElementsAre("proto", "local", "v6only", "dev", "target", "reuseport", "name",
                                                 "packets", "bytes", "from", "rate", "burst"));
    EXPECT_EQ(rows[0], Json::parse(R"({"proto": "tcp", "local": {"addr": "192.0.2.1", "port": 443}, "v6only": false,
        "dev": null, "target": "drop", "reuseport": false, "name": "web", "packets": 0, "bytes": 0,
        "from": null, "rate": null, "burst": null})"));
    EXPECT_EQ(rows[1]["local"], Json::parse(R"({"addr": "203.0.113.0/24", "port": 443})"));
    EXPECT_EQ(rows[2]["local"], Json::parse(R"({"addr": "::", "port": 53})"));
    EXPECT_EQ(rows[3]["v6only"], true);
    EXPECT_EQ(rows[3]["dev"], "xd0");
    EXPECT_EQ(rows[4]["local"], Json::parse(R"({"addr": "192.0.2.1", "port": 8000, "port_last": 8999})"));
    EXPECT_EQ(rows[5]["local"], Json::parse(R"({"addr": "2001:db8::/64", "port": "*"})"));
    EXPECT_EQ(rows[6]["reuseport"], true);
    EXPECT_EQ(expect_prints("listener list -n -4 sport = :443"),
              "Netid  Local               Target  Dev  Options  Name  Packets  Bytes  Guard\n"
              "tcp    192.0.2.1:443       drop    -    -        web         0      0\n"
              "tcp    203.0.113.0/24:443  pass    -    -        -           0      0\n");
    EXPECT_THAT(expect_prints("listener list udp"), HasSubstr("*:domain"));
    EXPECT_EQ(expect_json("listener list -6", "listeners").size(), 3);
    EXPECT_EQ(expect_json("listener list -4", "listeners").size(), 4);
    EXPECT_EQ(expect_json("listener list src 192.0.2.0/24 and not sport = :443", "listeners").size(), 1);
}

TEST_F(Objects, AListenerIsReplacedAndDeletedByWhatNamesIt) {
    expect_quiet("listener replace tcp 0.0.0.0:80 --to drop");
    expect_quiet("listener replace tcp 0.0.0.0:80 --to reject");
    EXPECT_EQ(expect_json("listener list", "listeners")[0]["target"], "reject");
    expect_quiet("listener replace tcp 0.0.0.0:80 --dry-run");
    EXPECT_EQ(expect_json("listener list", "listeners")[0]["target"], "reject");
    expect_refused("listener del udp 0.0.0.0:80", 5, "no listener udp 0.0.0.0:80.*");
    expect_quiet("listener del tcp 0.0.0.0:80 --dry-run");
    EXPECT_EQ(expect_json("listener list", "listeners").size(), 1);
    expect_quiet("listener del tcp 0.0.0.0:80");
    EXPECT_EQ(expect_json("listener list", "listeners").size(), 0);
}

TEST_F(Objects, AListenerOfADeviceThatIsGoneIsShownAsSuchAndCanBeDeleted) {
    {
        const VethPair pair("gone0", "gone1");
        expect_quiet("listener add tcp 0.0.0.0:80 --dev gone0");
    }
    EXPECT_THAT(expect_prints("listener list"), HasSubstr("gone0 (gone)"));
    expect_refused("listener add tcp 0.0.0.0:81 --dev gone0", 5, "no interface \"gone0\"; see ip link");
    expect_quiet("listener del tcp 0.0.0.0:80 --dev gone0");
    EXPECT_EQ(expect_json("listener list", "listeners").size(), 0);
}

TEST_F(Objects, ABatchOfListenersIsAllOrNothing) {
    const RunOptions good{.input = "# comment\ntcp 0.0.0.0:80 --to drop\n\nudp *:53 --name dns\n"};
    expect_quiet("listener add --batch - --dry-run", good);
    EXPECT_EQ(state_dump(), "not loaded");
    expect_quiet("listener add --batch -", good);
    EXPECT_EQ(expect_json("listener list", "listeners").size(), 2);
    expect_refused("listener add --batch -", 2,
                   "standard input:2: .*port 70000 is outside 1-65535\nstandard input:3: unknown protocol \"icmp\".*",
                   {.input = "tcp 0.0.0.0:81\ntcp 0.0.0.0:70000\nicmp 0.0.0.0:1\n"});
    expect_refused("listener add --batch -", 4, "standard input:2: .*address already in use.*",
                   {.input = "tcp 0.0.0.0:81\ntcp 0.0.0.0:80\n"});
    expect_refused("listener add --batch /no/such/file", 1, "cannot open \"/no/such/file\": no such file.*");
    expect_quiet("listener del --batch -", {.input = "tcp 0.0.0.0:80\nudp *:53\n"});
    EXPECT_EQ(expect_json("listener list", "listeners").size(), 0);
}

TEST_F(Objects, FlowsAreAddedListedFilteredAndFlushed) {
    expect_quiet("flow add tcp 192.0.2.1:443 198.51.100.7:50000 --to drop");
    expect_quiet("flow add udp [2001:db8::1]:53 [2001:db8::2]:5000");
    const Json flows = expect_json("flow list", "flows");
    ASSERT_EQ(flows.size(), 2);
    EXPECT_EQ(flows[0].dump(), Json::parse(R"({"proto": "tcp", "local": {"addr": "192.0.2.1", "port": 443},
        "remote": {"addr": "198.51.100.7", "port": 50000}, "state": "ESTAB", "target": "drop", "packets": 0,
        "bytes": 0, "last_seen_ns": null})")
                                   .dump());
    EXPECT_EQ(flows[1]["remote"], Json::parse(R"({"addr": "2001:db8::2", "port": 5000})"));
    EXPECT_EQ(expect_prints("flow list dst 198.51.100.0/24"),
              "Netid  State  Local            Remote              Target  Packets  Bytes  Last-seen\n"
              "tcp    ESTAB  192.0.2.1:https  198.51.100.7:50000  drop          0      0      never\n");
    EXPECT_EQ(expect_json("flow list -6", "flows").size(), 1);
    EXPECT_EQ(expect_json("flow list state listening", "flows").size(), 0);
    expect_refused("flow add tcp 192.0.2.1:443 198.51.100.7:50000", 4, ".*address already in use.*");
    expect_refused("flow del tcp 192.0.2.1:443 198.51.100.7:50001", 5, "no flow .*");
    expect_quiet("flow del tcp 192.0.2.1:443 198.51.100.7:50000");
    EXPECT_EQ(expect_json("flow list", "flows").size(), 1);
    const Outcome dry = xdemux("flow flush --dry-run");
    EXPECT_EQ(dry.out, "");
    EXPECT_EQ(dry.err, "flows that would be deleted: 1\n");
    EXPECT_EQ(expect_json("flow list", "flows").size(), 1);
    EXPECT_EQ(xdemux("flow flush").err, "flows deleted: 1\n");
    EXPECT_EQ(expect_json("flow list", "flows").size(), 0);
}

TEST_F(Objects, FlowsThatWereIdleForLongExpire) {
    attach("--flows 100");
    expect_quiet("flow add tcp 192.0.2.1:443 198.51.100.7:50000");
    expect_quiet("flow add udp [2001:db8::1]:53 [2001:db8::2]:5000");
    EXPECT_EQ(xdemux("flow expire").err, "flows deleted: 0\n");
    EXPECT_EQ(xdemux("flow expire --tcp 0 --udp 0").err, "flows deleted: 0\n");
    const auto udp_is_idle = [&] {
        return xdemux("flow expire --udp 1 --dry-run").err != "flows that would be deleted: 0\n";
    };
    ASSERT_TRUE(test::wait_until(udp_is_idle));
    EXPECT_EQ(xdemux("flow expire --udp 1").err, "flows deleted: 1\n");
    EXPECT_EQ(expect_json("flow list", "flows")[0]["proto"], "tcp");
    expect_refused("flow expire --udp soon", 2, ".*--udp.*");
}

TEST_F(Objects, ABatchOfFlowsIsAllOrNothing) {
    std::string lines;
    for (int i = 0; i < 5000; ++i)
        lines += fmt::format("tcp 192.0.2.1:443 198.51.100.{}:{}\n", 1 + i % 250, 10'000 + i);
    expect_quiet("flow add --batch -", {.input = lines});
    EXPECT_EQ(expect_json("flow list", "flows").size(), 5000);
    expect_refused("flow add --batch -", 4, "standard input:2: .*",
                   {.input = "tcp 192.0.2.1:443 198.51.100.1:1\ntcp 192.0.2.1:443 198.51.100.1:10000\n"});
    expect_refused("flow add --batch -", 2, "standard input:1: .*words are missing.*",
                   {.input = "tcp 192.0.2.1:443\n"});
    expect_quiet("flow del --batch -", {.input = lines});
    EXPECT_EQ(expect_json("flow list", "flows").size(), 0);
}

TEST_F(Objects, AFullTableIsNamedWithItsSizeAndTheWayOut) {
    attach("--flows 4");
    std::string lines;
    for (int i = 1; i <= 112; ++i)  // the smallest table's places
        lines += fmt::format("udp 192.0.2.1:53 192.0.2.2:{}\n", i);
    expect_quiet("flow add --batch -", {.input = lines});
    expect_refused("flow add udp 192.0.2.1:53 192.0.2.2:500", 8,
                   ".*flow table was made for 4 flows and has 112 IPv4 ones: it is full; .*--flows.*");
    expect_quiet("flow add udp [2001:db8::1]:53 [2001:db8::2]:500");
}

TEST_F(Objects, TheTableShowsFlowsThenListenersThenTheHostsSockets) {
    attach();
    expect_quiet("flow add tcp 192.0.2.1:443 198.51.100.7:50000");
    expect_quiet("listener add tcp *:80 --to drop");
    expect_quiet("listener add tcp 192.0.2.1:80 --dev xd0");
    const Json rows = expect_json("table", "endpoints");
    ASSERT_GE(rows.size(), 3);
    for (const Json& row : rows)
        EXPECT_THAT(members_of(row), ElementsAre("proto", "state", "local", "remote", "target", "dev", "source", "from",
                                                 "rate", "burst", "process", "shadowed_by"));
    EXPECT_EQ(rows[0]["state"], "ESTAB");
    EXPECT_EQ(rows[0]["remote"], Json::parse(R"({"addr": "198.51.100.7", "port": 50000})"));
    EXPECT_EQ(rows[1]["local"], Json::parse(R"({"addr": "192.0.2.1", "port": 80})"));
    EXPECT_EQ(rows[1]["dev"], "xd0");
    EXPECT_EQ(rows[2]["local"], Json::parse(R"({"addr": "::", "port": 80})"));
    EXPECT_EQ(rows[2]["target"], "drop");
    EXPECT_EQ(rows[2]["source"], "table");
    EXPECT_EQ(expect_prints("table sport = :80 -n"),
              "Netid  State   Local         Peer       Target  Dev  Source  Process  Guard  Shadowed-by\n"
              "tcp    LISTEN  192.0.2.1:80  0.0.0.0:*  pass    xd0  table\n"
              "tcp    LISTEN  *:80          *:*        drop    -    table\n");
    EXPECT_EQ(expect_json("table state established", "endpoints").size(), 1);
}

TEST_F(Objects, CountersAndReasonsCountWhatCameAndAreResetTogether) {
    attach();
    EXPECT_EQ(expect_json("counter list --port 5000", "counters").size(), 0);
    run_in_peer("bash -c 'echo x > /dev/udp/192.0.2.1/5000'");
    ASSERT_TRUE(wait_until([] { return xdemux("counter list --json --port 5000").json()["counters"].size() == 1; }));
    const Json row = expect_json("counter list --port 5000-5000 --proto udp", "counters")[0];
    EXPECT_THAT(members_of(row),
                ElementsAre("proto", "port", "service", "packets", "bytes", "dropped_packets", "dropped_bytes"));
    EXPECT_EQ(row["proto"], "udp");
    EXPECT_EQ(row["packets"], 1);
    EXPECT_EQ(row["bytes"], 14 + 20 + 8 + 2);
    EXPECT_EQ(row["dropped_packets"], 0);
    EXPECT_EQ(expect_json("counter list --port 5000 --proto tcp", "counters").size(), 0);
    EXPECT_EQ(expect_json("counter list --top 1", "counters").size(), 1);
    EXPECT_THAT(expect_prints("counter list --port 5000"), HasSubstr("udp    5000"));
    const Json reasons = expect_json("reason list", "reasons");
    ASSERT_GE(reasons.size(), 1);
    for (const Json& reason : reasons)
        EXPECT_THAT(members_of(reason), ElementsAre("reason", "verdict", "packets", "bytes", "monitored_packets"));
    EXPECT_THAT(expect_prints("reason list"), HasSubstr("closed"));
    expect_quiet("counter reset --dry-run");
    EXPECT_EQ(expect_json("counter list --port 5000", "counters").size(), 1);
    expect_quiet("counter reset");
    EXPECT_EQ(expect_json("counter list --port 5000", "counters").size(), 0);
}

TEST_F(Objects, AllCountersAreThoseThatHaveANameToo) {
    attach();
    const Json rows = expect_json("counter list --all --port 443", "counters");
    ASSERT_GE(rows.size(), 1);
    EXPECT_EQ(rows[0]["service"], "https");
    EXPECT_EQ(rows[0]["packets"], 0);
}

TEST_F(Objects, AWatchPrintsBlocksUntilItIsInterruptedAndEndsWell) {
    attach();
    const auto count_titles = [](const std::string& text) {
        std::size_t count = 0;
        for (auto at = text.find("Netid"); at != std::string::npos; at = text.find("Netid", at + 1))
            ++count;
        return count;
    };
    const Outcome watched =
        xdemux("counter list --watch", {.enough = [&](const std::string& out) { return count_titles(out) >= 2; }});
    EXPECT_EQ(watched.code, 0) << watched.err;
    EXPECT_THAT(watched.out, HasSubstr("\n\nNetid"));
    EXPECT_EQ(watched.out.find('\033'), std::string::npos) << "no terminal, no control characters";
}

TEST_F(Objects, PortShowTellsAllThatIsKnownOfAPort) {
    attach();
    expect_quiet("listener add tcp 192.0.2.1:443 --name web");
    const Json port = expect_json("port show https", "port");
    EXPECT_THAT(members_of(port),
                ElementsAre("port", "range", "range_first", "range_last", "privileged", "first_unprivileged",
                            "services", "listeners", "host_sockets", "flows", "counters"));
    EXPECT_EQ(port["port"], 443);
    EXPECT_EQ(port["range"], "well-known");
    EXPECT_EQ(port["privileged"], true);
    EXPECT_EQ(port["services"]["tcp"], "https");
    ASSERT_EQ(port["listeners"].size(), 1);
    EXPECT_EQ(port["listeners"][0]["name"], "web");
    EXPECT_EQ(port["counters"].size(), 2);
    EXPECT_EQ(expect_json("port show 50000", "port")["range"], "dynamic");
    EXPECT_EQ(expect_json("port show 8080", "port")["privileged"], false);
    EXPECT_THAT(expect_prints("port show 443"), HasSubstr("range      well-known (0-1023)\n"));
}

TEST_F(Objects, ExplainTellsTheLookUpsAndCountsNothing) {
    attach();
    expect_quiet("listener add tcp 192.0.2.1:80 --to drop --name web");
    const Json drop = expect_json("explain tcp 192.0.2.2:5000 192.0.2.1:http --dev xd0 --flags syn", "explain");
    EXPECT_THAT(members_of(drop), ElementsAre("verdict", "action", "reason", "target", "matched", "stages", "dev",
                                              "kernel", "runner_up"));
    EXPECT_EQ(drop["verdict"], "drop");
    EXPECT_EQ(drop["action"], "pass");
    EXPECT_EQ(drop["reason"], "listener_exact");
    EXPECT_EQ(drop["target"], "drop");
    EXPECT_EQ(drop["matched"]["listener"]["name"], "web");
    ASSERT_GE(drop["stages"].size(), 1);
    EXPECT_THAT(members_of(drop["stages"][0]), ElementsAre("stage", "found", "answer", "kernel"));
    const Json closed = expect_json("explain udp 192.0.2.2:5000 192.0.2.1:9", "explain");
    EXPECT_EQ(closed["reason"], "closed");
    EXPECT_EQ(closed["matched"], nullptr);
    EXPECT_EQ(closed["target"], nullptr);
    EXPECT_THAT(expect_prints("explain tcp 192.0.2.2:5000 192.0.2.1:80 --flags syn|ack"),
                HasSubstr("reason     listener_exact\n"));
    EXPECT_EQ(expect_json("counter list --port 80", "counters").size(), 0);
    expect_refused("explain tcp 192.0.2.2:5000 [2001:db8::1]:80", 2, ".*different families");
    expect_refused("explain tcp 192.0.2.2:5000 192.0.2.1:80 --dev none0", 5, "no interface \"none0\"; see ip link");
}

}  // namespace
}  // namespace xdemux::test::object_test
