// SPDX-License-Identifier: BSD-2-Clause
// Who may reach a port: from the command line, a file or a batch, and how it is shown.
#include <fmt/format.h>

#include "support/cli_test.h"

namespace xdemux::test::guard_test {
namespace {

using ::testing::HasSubstr;

class Guards : public CliTest {};

TEST_F(Guards, AListenerSaysWhoMayReachIt) {
    expect_quiet("listener add tcp *:22 --from 10.0.0.0/8,2001:db8::/32 --from 192.0.2.7 --rate 100");
    expect_quiet("listener add udp 0.0.0.0:53 --rate 10 --burst 50 --name dns");
    const Json rows = expect_json("listener list", "listeners");
    EXPECT_EQ(rows[0]["from"], Json::parse(R"(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])"));
    EXPECT_EQ(rows[0]["rate"], 100);
    EXPECT_EQ(rows[0]["burst"], 100) << "a second's worth";
    EXPECT_EQ(rows[1]["from"], nullptr);
    EXPECT_EQ(rows[1]["burst"], 50);
    EXPECT_EQ(expect_prints("listener list -n"),
              "Netid  Local       Target  Dev  Options  Name  Packets  Bytes  Guard\n"
              "tcp    *:22        pass    -    -        -           0      0  from 10.0.0.0/8,192.0.2.7,2001:db8::/32 "
              "rate 100/s burst 100\n"
              "udp    0.0.0.0:53  pass    -    -        dns         0      0  rate 10/s burst 50\n");
    EXPECT_THAT(expect_prints("port show 53"), HasSubstr("rate 10/s burst 50"));
    EXPECT_EQ(expect_json("port show 22", "port")["listeners"][0]["rate"], 100);
    EXPECT_THAT(expect_prints("table"), HasSubstr("from 10.0.0.0/8,192.0.2.7,2001:db8::/32 rate 100/s burst 100\n"));
    EXPECT_EQ(expect_json("table", "endpoints")[1]["rate"], 100);
    expect_refused("listener add tcp *:22 --from 172.16.0.0/12", 4, ".*address already in use.*");
    expect_quiet("listener replace tcp *:22 --from 172.16.0.0/12");
    EXPECT_EQ(expect_json("listener list", "listeners")[1]["from"], Json::parse(R"(["172.16.0.0/12"])"));
    expect_quiet("listener replace tcp *:22");
    EXPECT_EQ(expect_json("listener list", "listeners")[1]["from"], nullptr);
}

TEST_F(Guards, SourcesComeFromAFileToo) {
    std::string ten_thousand = "# the friends\n";
    for (int i = 0; i < 10'000; ++i)
        ten_thousand += fmt::format("10.{}.{}.0/24\n", i / 250, i % 250);
    expect_quiet("listener add tcp *:22 --from 2001:db8::/32 --from-file -", {.input = ten_thousand});
    EXPECT_EQ(expect_json("listener list", "listeners")[0]["from"].size(), 10'001);
    EXPECT_THAT(expect_prints("listener list"), HasSubstr("from 10.0.0.0/24,10.0.1.0/24 and 9999 more\n"));
    EXPECT_EQ(expect_json("explain tcp 10.39.249.7:4000 192.0.2.1:22", "explain")["reason"], "listener_wildcard");
    EXPECT_EQ(expect_json("explain tcp 10.40.0.7:4000 192.0.2.1:22", "explain")["reason"], "source_denied");
    expect_refused("listener replace tcp *:22 --from-file -", 2,
                   "standard input:1: prefix \"10.0.0.1/8\" has host bits set; use 10.0.0.0/8\n"
                   "standard input:3: source: \"friends\" is not an IPv4 or IPv6 address",
                   {.input = "10.0.0.1/8\n10.0.0.0/8\nfriends\n"});
    expect_refused("listener replace tcp *:22 --from-file -", 2, "standard input names no source; .*",
                   {.input = "#\n"});
    expect_refused("listener replace tcp *:22 --from-file /no/such/file", 1, "cannot open \"/no/such/file\": .*");
    std::string too_many;
    for (int i = 0; i < 65'536; ++i)
        too_many += fmt::format("11.{}.{}.0/24\n", i / 256, i % 256);
    expect_refused("listener replace tcp *:22 --from-file -", 8,
                   "table \"guard_sources\" holds 65536 sources and the change takes 75537, .*--listeners",
                   {.input = too_many});
}

TEST_F(Guards, ABatchSaysWhoMayReachAListener) {
    expect_quiet("listener add --batch -",
                 {.input = "tcp *:22 --from 10.0.0.0/8 --from 192.0.2.7\nudp *:53 --rate 10 --burst 1\n"});
    const Json rows = expect_json("listener list", "listeners");
    EXPECT_EQ(rows[0]["from"], Json::parse(R"(["10.0.0.0/8", "192.0.2.7"])"));
    EXPECT_EQ(rows[1]["burst"], 1);
}

TEST_F(Guards, ExplainShowsTheGuardAsAStage) {
    expect_quiet("listener add tcp *:22 --from 10.0.0.0/8");
    EXPECT_THAT(expect_prints("explain tcp 11.0.0.1:4000 192.0.2.1:22"),
                ::testing::ContainsRegex("guard +yes +the source is not one that the listener admits +"));
    EXPECT_THAT(expect_prints("explain tcp 10.0.0.1:4000 192.0.2.1:22"),
                ::testing::ContainsRegex("guard +no +the listener's guard admits the source +"));
}

}  // namespace
}  // namespace xdemux::test::guard_test
