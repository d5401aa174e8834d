// SPDX-License-Identifier: BSD-2-Clause
// Words on the command line: help, version, where options may stand, and what is refused before anything is touched.
#include "support/cli_test.h"

namespace xdemux::test::usage_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Usage : public CliTest {};

TEST_F(Usage, HelpIsThereAtEveryLevelAndGoesToStandardOutput) {
    for (const char* words : {"",
                              "attach",
                              "detach",
                              "unload",
                              "upgrade",
                              "set",
                              "confirm",
                              "rollback",
                              "status",
                              "listener",
                              "listener add",
                              "listener del",
                              "listener replace",
                              "listener list",
                              "flow",
                              "flow add",
                              "flow del",
                              "flow list",
                              "flow flush",
                              "flow expire",
                              "table",
                              "counter",
                              "counter list",
                              "counter reset",
                              "reason",
                              "reason list",
                              "group",
                              "group add",
                              "group set",
                              "group del",
                              "group simulate",
                              "group list",
                              "xsk",
                              "xsk register",
                              "xsk unregister",
                              "xsk list",
                              "port",
                              "port show",
                              "scan",
                              "scan list",
                              "scan reset",
                              "scan block",
                              "scan unblock",
                              "scan blocks",
                              "socket",
                              "socket register",
                              "socket unregister",
                              "socket list",
                              "monitor",
                              "explain",
                              "verify",
                              "doctor",
                              "target",
                              "target list",
                              "ephemeral",
                              "ephemeral show",
                              "ephemeral set",
                              "ephemeral simulate",
                              "ephemeral lease",
                              "ephemeral release",
                              "ephemeral list"}) {
        const std::string text = expect_prints(std::string(words) + " --help");
        EXPECT_THAT(text, HasSubstr("Usage: xdemux"));
        EXPECT_THAT(text, HasSubstr(std::string("xdemux ") + words));
        EXPECT_EQ(expect_prints(std::string(words) + " -h"), text);
    }
    const std::string all = expect_prints("--help");
    for (const char* object : {"attach", "listener", "flow", "table", "counter", "reason", "port", "explain", "status"})
        EXPECT_THAT(all, HasSubstr(object));
}

TEST_F(Usage, VersionIsThereAtEveryLevel) {
    for (const char* words : {"--version", "listener --version", "flow list --version"})
        EXPECT_EQ(expect_prints(words), "xdemux " XDEMUX_VERSION "\n");
}

TEST_F(Usage, GlobalOptionsStandBeforeAndAfterTheWordsOfACommand) {
    attach();
    for (const char* words : {"--json listener list", "listener --json list", "listener list --json"})
        EXPECT_THAT(expect_prints(words), StartsWith("{\"schema\": 1, \"listeners\": [")) << words;
}

TEST_F(Usage, UnknownWordsAreNamed) {
    expect_refused("", 2, "\"xdemux\" lacks a command; see \"xdemux --help\"");
    expect_refused("listener", 2, "\"xdemux listener\" lacks a command; see \"xdemux listener --help\"");
    expect_refused("frob", 2, "unknown command \"frob\"; see \"xdemux --help\"");
    expect_refused("listener frob", 2, "unknown command \"frob\"; see \"xdemux listener --help\"");
    expect_refused("--frob", 2, "unknown option \"--frob\"; see \"xdemux --help\"");
    expect_refused("status --frob", 2, "unexpected \"--frob\" after \"xdemux status\"; see \"xdemux status --help\"");
    expect_refused("status now", 2, "unexpected \"now\" after \"xdemux status\"; see \"xdemux status --help\"");
}

TEST_F(Usage, MissingWordsAreNamed) {
    expect_refused("attach", 2, "DEV is required; see \"xdemux attach --help\"");
    expect_refused("detach", 2, "no interface to detach; name one, or use --all");
    expect_refused("listener add", 2, "PROTO ENDPOINT or --batch FILE is missing");
    expect_refused("listener add tcp", 2, "PROTO ENDPOINT or --batch FILE is missing");
    expect_refused("flow add tcp 192.0.2.1:80", 2, "PROTO LOCAL REMOTE or --batch FILE is missing");
    expect_refused("set", 2, "no setting to change; use --monitor, --enforce, --closed, --host or --no-host");
    expect_refused("set --confirm 10", 2, "no setting to change; .*");
    expect_refused("explain tcp 192.0.2.2:1", 2, "PROTO SRC DST or --pcap FILE is missing");
    expect_refused("explain tcp 192.0.2.2:1 192.0.2.1:2 --pcap file", 2,
                   "(--pcap excludes .*|PROTO excludes --pcap); see \"xdemux explain --help\"");
    expect_refused("verify --random 0", 2, "--random 0 is outside 1-1000000000000");
    expect_refused("verify --seed -1", 2, "--seed \"-1\" is not a number from 0 to 18446744073709551615");
    expect_refused("port show", 2, "PORT is required; .*");
}

TEST_F(Usage, OptionsThatContradictEachOtherAreRefused) {
    expect_refused("set --monitor --enforce", 2, "--monitor excludes --enforce; .*");
    expect_refused("set --host --no-host", 2, "--no-host excludes --host; .*");
    expect_refused("detach --all xd0", 2, "DEV excludes --all; .*");
    expect_refused("listener add tcp 0.0.0.0:80 --batch -", 2, "PROTO excludes --batch; .*");
    expect_refused("explain udp 192.0.2.2:1 192.0.2.1:2 --flags syn", 2, "--flags goes with tcp; udp has none");
}

TEST_F(Usage, ValuesOutsideTheirLimitsAreRefused) {
    expect_refused("set --enforce --confirm 0", 2, "--confirm 0 is outside 1-86400");
    expect_refused("set --enforce --confirm 86401", 2, "--confirm 86401 is outside 1-86400");
    expect_refused("set --enforce --confirm soon", 2, "--confirm \"soon\" is not a number from 1 to 86400");
    expect_refused("attach xd0 --flows 0", 2, "--flows 0 is outside .*");
    expect_refused("attach xd0 --flows 99999999999999999999999", 2, "--flows 9+ is outside .*");
    expect_refused("attach xd0 --mode fast", 2, "\"fast\" is no mode; there are auto, native, generic");
    expect_refused("attach xd0 --closed deny", 2, "unknown closed policy \"deny\"; use pass, drop or reject");
    expect_refused("counter list --top 0", 2, "--top 0 is outside .*");
    expect_refused("counter list --port 90-80", 2, "port range 90-80 runs backwards; use 80-90");
    expect_refused("counter list --port nosuchservice", 2, "unknown tcp service \"nosuchservice\".*");
    expect_refused("counter list --proto sctp", 2, "unknown protocol \"sctp\"; use tcp or udp");
    expect_refused("port show 70000", 2, "port 70000 is outside 1-65535");
    expect_refused("port show nosuchservice", 2, "unknown tcp service \"nosuchservice\".*");
    expect_refused("explain tcp 192.0.2.2:1 192.0.2.1:2 --flags syn,fly", 2, "\"fly\" is no TCP flag; .*");
}

TEST_F(Usage, BadEndpointsAreRefusedWithTheReason) {
    expect_refused("listener add tcp 0.0.0.0:70000", 2, ".*port 70000 is outside 1-65535");
    expect_refused("listener add tcp 0.0.0.0:80x", 2, ".*port \"80x\" is not a number from 1 to 65535");
    expect_refused("listener add tcp 0.0.0.0:0", 2, ".*port 0 is outside 1-65535");
    expect_refused("listener add tcp 0.0.0.0:8999-8000", 2, ".*port range 8999-8000 runs backwards; use 8000-8999");
    expect_refused("listener add tcp 203.0.113.1/24:80", 2,
                   ".*prefix \"203.0.113.1/24\" has host bits set; use 203.0.113.0/24");
    expect_refused("listener add tcp 0.0.0.0:nosuchservice", 2, ".*unknown tcp service \"nosuchservice\".*");
    expect_refused("listener add tcp 192.0.2:80", 2, ".*\"192.0.2\" is not an IPv4 or IPv6 address");
    expect_refused("listener add tcp [192.0.2.1]:80", 2, ".*192.0.2.1.*");
    expect_refused("listener add tcp [::ffff:192.0.2.1]:80", 2, ".*IPv4-mapped.*use 192.0.2.1");
    expect_refused("listener add sctp 0.0.0.0:80", 2, "unknown protocol \"sctp\"; use tcp or udp");
    expect_refused("listener add tcp 0.0.0.0:80 --to nowhere", 2, "unknown target \"nowhere\"; .*");
    expect_refused("listener add tcp 0.0.0.0:80 --v6only", 2, ".*--v6only goes with an IPv6 endpoint.*");
    expect_refused("listener add tcp 0.0.0.0:80 --name much-too-long-a-name", 2, ".*longer than 15 bytes.*");
    expect_refused("flow add tcp 192.0.2.1:80 [2001:db8::2]:5000", 2, ".*both ends of a flow have the same family");
    expect_refused("flow add tcp 0.0.0.0:80 192.0.2.2:5000", 2, "local address 0.0.0.0 of the flow is .*");
    expect_refused("explain tcp 192.0.2.2:5000 [2001:db8::1]:80", 3, ".*not loaded.*");
    expect_refused("table state nosuchstate", 2, ".*nosuchstate.*");
    expect_refused("listener list sport", 2, ".*sport.*");
}

TEST_F(Usage, BadGuardsAreRefusedWithTheReason) {
    expect_refused("listener add tcp *:22 --from 10.0.0.1/8", 2,
                   "prefix \"10.0.0.1/8\" has host bits set; use 10.0.0.0/8");
    expect_refused("listener add tcp *:22 --from 10.0.0.0/8,,2001:db8::/32", 2, "source: \"\" is not an .*");
    expect_refused("listener add tcp *:22 --from 10.0.0.0/8, 2001:db8::/32", 2, "unexpected \"2001:db8::/32\" .*");
    expect_refused("listener add --from 10.0.0.0/8 tcp *:22 --rate 0", 2, "--rate \"0\" .*");  // swallows no more words
    expect_refused("listener add tcp *:22 --rate 0", 2, "--rate \"0\" is no number of packets from 1 to 10000000");
    expect_refused("listener add tcp *:22 --rate 10000001", 2, "--rate \"10000001\" is no number of .*");
    expect_refused("listener add tcp *:22 --rate 10 --burst 0", 2, "--burst \"0\" is no number of .*");
    expect_refused("listener add tcp *:22 --burst 10", 2, "--burst goes with --rate: .*");
    expect_refused("listener add tcp 0.0.0.0:22 --from 2001:db8::/32", 2, ".* none of the sources is IPv4: .*");
    expect_refused("listener del tcp *:22 --from 10.0.0.0/8", 2, ".*");
}

TEST_F(Usage, InstancesAndNamespacesWithWrongNamesAreRefused) {
    expect_refused("status --instance a/b", 2, ".*");
    expect_refused("status --netns no-such-namespace", 5, "no network namespace \"no-such-namespace\"; .*");
}

}  // namespace
}  // namespace xdemux::test::usage_test
