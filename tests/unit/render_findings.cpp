// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "render/findings.h"

namespace xdemux::test::render_findings {
namespace {

const std::vector<Finding> findings = {
    {Severity::ok, FindingGroup::kernel, "btf", "kernel", "it is there"},
    {Severity::warning, FindingGroup::interface, "lro", "eth0", "it is on", "native XDP is refused",
     "ethtool -K eth0 lro off"},
    {Severity::note, FindingGroup::interface, "lro", "eth1", "it is on", ""},
    {Severity::blocker, FindingGroup::traffic, "dhcp_client", "udp *:68", "dhclient (812) waits for DHCP",
     "a reason that is so long that it has to be told on two lines, each beginning below the other one",
     "xdemux listener add udp '*:68'", true},
};

template <typename Print>
std::string printed(Print print) {
    std::string text;
    print(Sink([&](std::string_view piece) { text += piece; }));
    return text;
}

TEST(RenderFindings, TextIsGroupedAlignedAndHasTheRemedyOnALineOfItsOwn) {
    EXPECT_EQ(printed([](const Sink& sink) { print_findings_text(findings, sink); }),
              "kernel\n"
              "  ok       btf          it is there\n"
              "\n"
              "interface eth0\n"
              "  warning  lro          it is on\n"
              "                        native XDP is refused\n"
              "                        $ ethtool -K eth0 lro off\n"
              "\n"
              "interface eth1\n"
              "  note     lro          it is on\n"
              "\n"
              "traffic\n"
              "  blocker  dhcp_client  udp *:68: dhclient (812) waits for DHCP\n"
              "                        a reason that is so long that it has to be told on two lines, each beginning\n"
              "                        below the other one\n"
              "                        $ xdemux listener add udp '*:68'\n"
              "\n"
              "1 blocker, 1 warning, 1 note, 1 ok\n");
}

TEST(RenderFindings, JsonIsNullWhereAbsent) {
    EXPECT_EQ(to_json(findings[2]), Json::parse(R"({"severity": "note", "id": "lro", "group": "interface",
        "object": "eth1", "what": "it is on", "why": null, "remedy": null, "cuts_off": false})"));
    EXPECT_EQ(to_json(findings[3])["remedy"], "xdemux listener add udp '*:68'");
    EXPECT_EQ(to_json(findings[3])["cuts_off"], true);
}

}  // namespace
}  // namespace xdemux::test::render_findings
