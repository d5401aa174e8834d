// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <sstream>
#include <streambuf>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/policy/batch.h>
#include <xdemux/policy/flow.h>

namespace xdemux::test::policy_flow_batch {
namespace {

std::string flow_error(const std::string& proto, const std::string& local, const std::string& remote) {
    const auto key = FlowKey::parse(proto, local, remote);
    if (key) return "parsed";
    EXPECT_EQ(key.error().kind(), ErrorKind::usage);
    return key.error().message();
}

TEST(FlowKey, IsParsedAndPrinted) {
    const auto v4 = FlowKey::parse("tcp", "192.0.2.1:https", "198.51.100.7:50000");
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->to_string(), "tcp 192.0.2.1:443 198.51.100.7:50000");
    const auto v6 = FlowKey::parse("udp", "[2001:db8::1]:domain", "[2001:db8::2]:50000");
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->to_string(), "udp [2001:db8::1]:53 [2001:db8::2]:50000");
}

TEST(FlowKey, RefusesEndsOfTwoFamilies) {
    EXPECT_EQ(flow_error("tcp", "192.0.2.1:443", "[2001:db8::2]:50000"),
              "local 192.0.2.1:443 is IPv4 and remote [2001:db8::2]:50000 is IPv6; both ends of a flow have the same "
              "family");
}

TEST(FlowKey, RefusesAddressesThatNoSocketIsConnectedTo) {
    const std::string why = "; a flow has one address on each side";
    EXPECT_EQ(flow_error("tcp", "0.0.0.0:443", "198.51.100.7:1"),
              "local address 0.0.0.0 of the flow is a wildcard" + why);
    EXPECT_EQ(flow_error("tcp", "[::1]:443", "[::]:1"), "remote address :: of the flow is a wildcard" + why);
    EXPECT_EQ(flow_error("udp", "192.0.2.1:443", "224.0.0.1:1"),
              "remote address 224.0.0.1 of the flow is a multicast address" + why);
    EXPECT_EQ(flow_error("udp", "[ff02::1]:443", "[::1]:1"),
              "local address ff02::1 of the flow is a multicast address" + why);
    EXPECT_EQ(flow_error("udp", "192.0.2.1:443", "255.255.255.255:1"),
              "remote address 255.255.255.255 of the flow is the broadcast address" + why);
}

TEST(FlowKey, TellsWhichSideIsWrong) {
    EXPECT_EQ(flow_error("sctp", "192.0.2.1:1", "192.0.2.1:1"), "unknown protocol \"sctp\"; use tcp or udp");
    EXPECT_EQ(flow_error("tcp", "192.0.2.1:80x", "192.0.2.1:1"),
              "local endpoint \"192.0.2.1:80x\": port \"80x\" is not a number from 1 to 65535");
    EXPECT_EQ(flow_error("tcp", "192.0.2.1:80", "192.0.2.1:70000"),
              "remote endpoint \"192.0.2.1:70000\": port 70000 is outside 1-65535");
    EXPECT_EQ(flow_error("tcp", "*:80", "192.0.2.1:1"), "local endpoint \"*:80\": \"*\" is not one address");
    EXPECT_EQ(flow_error("tcp", "192.0.2.0/24:80", "192.0.2.1:1"),
              "local endpoint \"192.0.2.0/24:80\": \"192.0.2.0/24\" is not one address");
    EXPECT_EQ(flow_error("tcp", "192.0.2.1:80", "192.0.2.1:1-2"),
              "remote endpoint \"192.0.2.1:1-2\": \"1-2\" is not one port");
}

TEST(FlowKey, IsInvalidWithPortZero) {
    FlowKey key = FlowKey::parse("tcp", "192.0.2.1:443", "198.51.100.7:50000").value();
    EXPECT_TRUE(key.validate());
    key.remote.port = 0;
    EXPECT_EQ(key.validate().error().message(), "remote port of the flow is 0; use 1-65535");
}

Result<Device> resolve(const std::string& name) {
    if (name == "eth0") return Device{7, "eth0"};
    return fail(ErrorKind::not_found, "no interface \"" + name + "\"");
}

Result<std::vector<ListenerLine>> listeners(const std::string& text, BatchVerb verb = BatchVerb::add) {
    std::istringstream in(text);
    return parse_listener_batch(in, "web.txt", verb, resolve);
}

Result<std::vector<FlowLine>> flows(const std::string& text, BatchVerb verb = BatchVerb::add) {
    std::istringstream in(text);
    return parse_flow_batch(in, "flows.txt", verb);
}

TEST(ListenerBatch, ReadsALineAsTheCommandLineHasIt) {
    const auto lines = listeners(
        "# the web\n"
        "\n"
        "tcp 192.0.2.1:443 --to drop --name web\n"
        "  \t \n"
        "   # indented\n"
        "--dev eth0 udp [::]:53 --v6only --reuseport --name=dns\r\n"
        "tcp 10.0.0.0/8:8000-8999");
    ASSERT_TRUE(lines) << lines.error().message();
    ASSERT_EQ(lines->size(), 3U);
    const ListenerLine& web = (*lines)[0];
    EXPECT_EQ(web.line, 3U);
    EXPECT_EQ(web.listener.describe(), "tcp 192.0.2.1:443");
    EXPECT_EQ(web.listener.target.kind, TargetKind::drop);
    EXPECT_EQ(web.listener.name, "web");
    const ListenerLine& dns = (*lines)[1];
    EXPECT_EQ(dns.line, 6U);
    EXPECT_EQ(dns.listener.describe(), "udp [::]:53 --dev eth0 --v6only");
    EXPECT_EQ(dns.listener.ifindex(), 7U);
    EXPECT_TRUE(dns.listener.reuseport);
    EXPECT_EQ(dns.listener.name, "dns");
    EXPECT_EQ((*lines)[2].line, 7U);
    EXPECT_EQ((*lines)[2].listener.target.kind, TargetKind::pass);
}

TEST(ListenerBatch, ReportsEveryErrorWithItsLine) {
    const auto lines = listeners(
        "tcp 192.0.2.1:70000\n"
        "tcp 192.0.2.1:443\n"
        "tcp\n"
        "tcp 192.0.2.1:443 10.0.0.1:1\n"
        "tcp *:80 --to nowhere\n"
        "tcp *:80 --dev eth9\n"
        "tcp *:80 --name\n"
        "tcp *:80 --name a --name b\n"
        "tcp *:80 --v6only=yes\n"
        "tcp *:80 --rates 5\n"
        "tcp 0.0.0.0:80 --v6only\n"
        "tcp *:80 --name a/b\n");
    ASSERT_FALSE(lines);
    EXPECT_EQ(lines.error().kind(), ErrorKind::usage);
    EXPECT_EQ(
        lines.error().message(),
        "web.txt:1: endpoint \"192.0.2.1:70000\": port 70000 is outside 1-65535\n"
        "web.txt:3: words are missing; a line is PROTO ENDPOINT [OPTIONS]\n"
        "web.txt:4: unexpected word \"10.0.0.1:1\"; a line is PROTO ENDPOINT [OPTIONS]\n"
        "web.txt:5: unknown target \"nowhere\"; the targets are: pass, drop, reject, cpu:N, cpu:N-M, dev:INTERFACE, "
        "group:NAME, xsk:NAME, socket:NAME\n"
        "web.txt:6: no interface \"eth9\"\n"
        "web.txt:7: option \"--name\" lacks its value\n"
        "web.txt:8: option \"--name\" is given twice\n"
        "web.txt:9: option \"--v6only\" takes no value\n"
        "web.txt:10: unknown option \"--rates\"; the options are: --to, --dev, --v6only, --reuseport, --name, "
        "--from, --rate, "
        "--burst\n"
        "web.txt:11: listener tcp 0.0.0.0:80: --v6only goes with an IPv6 endpoint, as in [::]:80\n"
        "web.txt:12: listener name \"a/b\" has other characters than letters, digits, \".\", \"_\" and \"-\"");
}

TEST(ListenerBatch, ReadsWhoMayReachAListener) {
    const auto lines = listeners(
        "tcp *:22 --from 10.0.0.0/8,2001:db8::/32 --from=192.0.2.7 --rate 100 --burst 5\n"
        "tcp *:80 --rate 7\n"
        "tcp *:81\n");
    ASSERT_TRUE(lines) << lines.error().message();
    EXPECT_EQ((*lines)[0].listener.guard.to_string(), "from 10.0.0.0/8,192.0.2.7,2001:db8::/32 rate 100/s burst 5");
    EXPECT_EQ((*lines)[1].listener.guard.to_string(), "rate 7/s burst 7")
        << "the sources of one line are not another's";
    EXPECT_TRUE((*lines)[2].listener.guard.empty());
}

TEST(ListenerBatch, TellsWhatIsWrongWithAGuard) {
    EXPECT_EQ(
        listeners("tcp *:22 --from 10.0.0.1/8\n"
                  "tcp *:22 --from 10.0.0.0/8,\n"
                  "tcp *:22 --rate 0\n"
                  "tcp *:22 --burst 3\n"
                  "tcp 0.0.0.0:22 --from 2001:db8::/32\n")
            .error()
            .message(),
        "web.txt:1: prefix \"10.0.0.1/8\" has host bits set; use 10.0.0.0/8\n"
        "web.txt:2: source: \"\" is not an IPv4 or IPv6 address\n"
        "web.txt:3: --rate \"0\" is no number of packets from 1 to 10000000\n"
        "web.txt:4: --burst goes with --rate: how many packets may come at once\n"
        "web.txt:5: listener tcp 0.0.0.0:22 hears IPv4 alone, and none of the sources is IPv4: nobody could reach "
        "it");
    EXPECT_EQ(listeners("tcp *:22 --from 10.0.0.0/8\n", BatchVerb::del).error().message(),
              "web.txt:1: unknown option \"--from\"; the options are: --dev, --v6only, --name");
}

TEST(ListenerBatch, HasTheKindOfItsFirstError) {
    EXPECT_EQ(listeners("tcp *:80 --dev eth9\ntcp *:0\n").error().kind(), ErrorKind::not_found);
}

TEST(ListenerBatch, AsksForEachInterfaceOnce) {
    int asked = 0;
    std::istringstream in("tcp *:80 --dev eth0\ntcp *:81 --dev eth0\ntcp *:82 --dev nope\ntcp *:83 --dev nope\n");
    const auto lines = parse_listener_batch(in, "web.txt", BatchVerb::add, [&](const std::string& name) {
        ++asked;
        return resolve(name);
    });
    EXPECT_FALSE(lines);
    EXPECT_EQ(asked, 2);
}

TEST(ListenerBatch, ForDelTakesTheNamingOptionsAlone) {
    ASSERT_TRUE(listeners("tcp *:80 --dev eth0 --v6only --name a\n", BatchVerb::del));
    EXPECT_EQ(listeners("tcp *:80 --to drop\n", BatchVerb::del).error().message(),
              "web.txt:1: unknown option \"--to\"; the options are: --dev, --v6only, --name");
}

TEST(FlowBatch, ReadsFlows) {
    const auto lines = flows(
        "tcp 192.0.2.1:443 198.51.100.7:50000 --to drop\n"
        "#\n"
        "udp [2001:db8::1]:53 [2001:db8::2]:1\n");
    ASSERT_TRUE(lines) << lines.error().message();
    ASSERT_EQ(lines->size(), 2U);
    EXPECT_EQ((*lines)[0].key.to_string(), "tcp 192.0.2.1:443 198.51.100.7:50000");
    EXPECT_EQ((*lines)[0].target.kind, TargetKind::drop);
    EXPECT_EQ((*lines)[1].line, 3U);
    EXPECT_EQ((*lines)[1].target.kind, TargetKind::pass);
}

TEST(FlowBatch, ReportsItsErrors) {
    EXPECT_EQ(
        flows("tcp 192.0.2.1:443 [::1]:5\ntcp 192.0.2.1:443\ntcp 1.1.1.1:1 2.2.2.2:2 --name x\n").error().message(),
        "flows.txt:1: local 192.0.2.1:443 is IPv4 and remote [::1]:5 is IPv6; both ends of a flow have the same "
        "family\n"
        "flows.txt:2: words are missing; a line is PROTO LOCAL REMOTE [OPTIONS]\n"
        "flows.txt:3: unknown option \"--name\"; the options are: --to");
    EXPECT_EQ(flows("tcp 1.1.1.1:1 2.2.2.2:2 --to drop\n", BatchVerb::del).error().message(),
              "flows.txt:1: unknown option \"--to\"; no options are known here");
}

TEST(FlowBatch, ShowsTwentyErrorsAndCountsTheRest) {
    const auto text_of = [](int count) {
        std::string text;
        for (int i = 0; i < count; ++i)
            text += "nonsense\n";
        return flows(text).error().message();
    };
    EXPECT_EQ(text_of(20).find("more"), std::string::npos);
    const std::string message = text_of(1000);
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 20);
    EXPECT_NE(message.find("flows.txt:20: "), std::string::npos);
    EXPECT_EQ(message.find("flows.txt:21: "), std::string::npos);
    EXPECT_TRUE(message.ends_with("\nand 980 more"));
}

TEST(FlowBatch, AnEmptyStreamHasNoLines) {
    EXPECT_TRUE(flows("")->empty());
    EXPECT_TRUE(flows("\n\n# nothing\n")->empty());
}

TEST(FlowBatch, AStreamThatCannotBeReadIsNoShortBatch) {
    struct BrokenBuffer : std::streambuf {
        int_type underflow() override { throw std::ios_base::failure("broken"); }
    } buffer;
    std::istream in(&buffer);
    const auto lines = parse_flow_batch(in, "standard input", BatchVerb::add);
    ASSERT_FALSE(lines);
    EXPECT_EQ(lines.error().kind(), ErrorKind::failed);
    EXPECT_EQ(lines.error().message(), "cannot read standard input to its end");
}

TEST(FlowBatch, KeepsOrderAndLineOverManyLines) {
    std::string text;
    for (int i = 1; i <= 20000; ++i)
        text += "tcp 192.0.2.1:443 198.51.100.7:" + std::to_string(i) + " --to reject\n";
    const auto lines = flows(text);
    ASSERT_TRUE(lines);
    ASSERT_EQ(lines->size(), 20000U);
    for (std::size_t i = 0; i < lines->size(); ++i) {
        ASSERT_EQ((*lines)[i].line, i + 1);
        ASSERT_EQ((*lines)[i].key.remote.port, i + 1);
    }
}

}  // namespace
}  // namespace xdemux::test::policy_flow_batch
