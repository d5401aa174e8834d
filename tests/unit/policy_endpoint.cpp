// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/policy/address.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/port_range_info.h>
#include <xdemux/policy/proto.h>
#include <xdemux/policy/service.h>

namespace xdemux::test::policy_endpoint {
namespace {

TEST(Address, PrintsTheCanonicalForm) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"0.0.0.0", "0.0.0.0"},
        {"192.0.2.1", "192.0.2.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"64:ff9b::192.0.2.1", "64:ff9b::c000:201"},
    };
    for (const auto& [text, canonical] : cases) {
        const auto address = Address::parse(text);
        ASSERT_TRUE(address) << text << ": " << address.error().message();
        EXPECT_EQ(address->to_string(), canonical);
    }
}

TEST(Address, RefusesWhatIsNoAddress) {
    for (const std::string text : {"", " ", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.4 ", "eth0",
                                   ":::", "2001:db8::g", "1:2:3:4:5:6:7:8:9", "[::1]"}) {
        const auto address = Address::parse(text);
        ASSERT_FALSE(address) << text;
        EXPECT_EQ(address.error().kind(), ErrorKind::usage);
        EXPECT_NE(address.error().message().find("\"" + text + "\""), std::string::npos) << address.error().message();
    }
    EXPECT_FALSE(Address::parse(std::string("1.2.3.4\0", 8)));
    EXPECT_FALSE(Address::parse(std::string(5000, '1')));
}

TEST(Address, RefusesAnIpv4MappedOneWithTheIpv4FormAsRemedy) {
    for (const std::string text : {"::ffff:192.0.2.1", "::ffff:c000:201", "0:0:0:0:0:FFFF:192.0.2.1"}) {
        const auto address = Address::parse(text);
        ASSERT_FALSE(address);
        EXPECT_EQ(address.error().message(),
                  "\"" + text + "\" is an IPv4-mapped address, and its packets are IPv4; use 192.0.2.1");
    }
}

TEST(Address, RefusesAZoneWithTheDeviceOptionAsRemedy) {
    const auto address = Address::parse("fe80::1%eth0");
    ASSERT_FALSE(address);
    EXPECT_EQ(address.error().message(), "\"fe80::1%eth0\" has a zone; name the interface with --dev instead");
}

TEST(Address, KnowsItsClass) {
    const auto is = [](const char* text, bool (Address::*property)() const) {
        return (Address::parse(text).value().*property)();
    };
    EXPECT_TRUE(is("0.0.0.0", &Address::is_wildcard));
    EXPECT_TRUE(is("::", &Address::is_wildcard));
    EXPECT_FALSE(is("0.0.0.1", &Address::is_wildcard));
    EXPECT_TRUE(is("224.0.0.1", &Address::is_multicast));
    EXPECT_TRUE(is("239.255.255.255", &Address::is_multicast));
    EXPECT_FALSE(is("223.255.255.255", &Address::is_multicast));
    EXPECT_FALSE(is("240.0.0.0", &Address::is_multicast));
    EXPECT_TRUE(is("ff02::1", &Address::is_multicast));
    EXPECT_FALSE(is("fe80::1", &Address::is_multicast));
    EXPECT_TRUE(is("255.255.255.255", &Address::is_broadcast));
    EXPECT_FALSE(is("255.255.255.254", &Address::is_broadcast));
    EXPECT_FALSE(is("ffff:ffff::", &Address::is_broadcast));
    EXPECT_TRUE(is("127.9.9.9", &Address::is_loopback));
    EXPECT_TRUE(is("::1", &Address::is_loopback));
    EXPECT_FALSE(is("::2", &Address::is_loopback));
    EXPECT_FALSE(is("1::1", &Address::is_loopback));
}

TEST(Address, IsOrderedByFamilyThenValue) {
    const auto at = [](const char* text) { return Address::parse(text).value(); };
    EXPECT_LT(at("9.0.0.0"), at("10.0.0.0"));
    EXPECT_LT(at("255.255.255.255"), at("::"));
    EXPECT_LT(at("::2"), at("::10"));
    EXPECT_NE(at("0.0.0.0"), at("::"));
}

TEST(Prefix, RefusesHostBitsAndNamesTheRightPrefix) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"203.0.113.7/24", "203.0.113.0/24"},
        {"10.0.0.1/31", "10.0.0.0/31"},
        {"10.0.0.1/0", "0.0.0.0/0"},
        {"2001:db8::1/64", "2001:db8::/64"},
        {"2001:db8:0:f::/61", "2001:db8:0:8::/61"},
    };
    for (const auto& [text, right] : cases) {
        const auto prefix = Prefix::parse(text);
        ASSERT_FALSE(prefix) << text;
        EXPECT_EQ(prefix.error().message(), "prefix \"" + text + "\" has host bits set; use " + right);
        EXPECT_TRUE(Prefix::parse(right)) << right;
    }
}

TEST(Prefix, RefusesABadLength) {
    for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/+8",
                             "10.0.0.0/999999999999", "::/129", "10.0.0.0/8/8", "10.0.0.0", "x/8", "/8"}) {
        EXPECT_FALSE(Prefix::parse(text)) << text;
    }
}

TEST(Prefix, ContainsItsAddressesOnly) {
    const auto contains = [](const char* prefix, const char* address) {
        return Prefix::parse(prefix).value().contains(Address::parse(address).value());
    };
    EXPECT_TRUE(contains("203.0.113.0/25", "203.0.113.127"));
    EXPECT_FALSE(contains("203.0.113.0/25", "203.0.113.128"));
    EXPECT_TRUE(contains("0.0.0.0/0", "8.8.8.8"));
    EXPECT_FALSE(contains("0.0.0.0/0", "::"));
    EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
    EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
    EXPECT_TRUE(contains("::1/128", "::1"));
    EXPECT_FALSE(contains("::1/128", "::"));
    const Prefix wide = Prefix::parse("10.0.0.0/8").value();
    const Prefix narrow = Prefix::parse("10.1.0.0/16").value();
    EXPECT_TRUE(wide.contains(narrow));
    EXPECT_FALSE(narrow.contains(wide));
}

TEST(Proto, KnowsTcpAndUdpAlone) {
    EXPECT_EQ(parse_proto("tcp"), Proto::tcp);
    EXPECT_EQ(parse_proto("udp"), Proto::udp);
    for (const char* text : {"", "TCP", "sctp", "tcp ", "6"})
        EXPECT_FALSE(parse_proto(text)) << text;
    EXPECT_EQ(parse_proto("sctp").error().message(), "unknown protocol \"sctp\"; use tcp or udp");
}

TEST(Port, IsANumberOrAServiceName) {
    EXPECT_EQ(parse_port("1", Proto::tcp), 1);
    EXPECT_EQ(parse_port("65535", Proto::tcp), 65535);
    EXPECT_EQ(parse_port("00080", Proto::tcp), 80);
    EXPECT_EQ(parse_port("https", Proto::tcp), 443);
    EXPECT_EQ(parse_port("domain", Proto::udp), 53);
    EXPECT_EQ(parse_port("ftp-data", Proto::tcp), 20);
    EXPECT_EQ(parse_port("https", Proto::tcp), 443) << "a second time, as it is remembered";
}

TEST(Port, RefusesWhatIsNone) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "the port is missing"},
        {"0", "port 0 is outside 1-65535"},
        {"-1", "port -1 is outside 1-65535"},
        {"70000", "port 70000 is outside 1-65535"},
        {"65536", "port 65536 is outside 1-65535"},
        {"99999999999999999999999", "port 99999999999999999999999 is outside 1-65535"},
        {"80x", "port \"80x\" is not a number from 1 to 65535"},
        {"80 ", "port \"80 \" is not a number from 1 to 65535"},
        {"+80", "port \"+80\" is not a number from 1 to 65535"},
        {"0x50", "port \"0x50\" is not a number from 1 to 65535"},
        {"80.5", "port \"80.5\" is not a number from 1 to 65535"},
        {"nosuch", "unknown tcp service \"nosuch\"; use a port number, or a name that \"getent services\" lists"},
        {"-x", "unknown tcp service \"-x\"; use a port number, or a name that \"getent services\" lists"},
    };
    for (const auto& [text, message] : cases) {
        const auto port = parse_port(text, Proto::tcp);
        ASSERT_FALSE(port) << text;
        EXPECT_EQ(port.error().message(), message);
        EXPECT_EQ(port.error().kind(), ErrorKind::usage);
    }
}

TEST(Port, HasItsServiceNamePerProtocol) {
    EXPECT_EQ(service_name(443, Proto::tcp), "https");
    EXPECT_EQ(service_name(53, Proto::udp), "domain");
    EXPECT_EQ(service_name(1, Proto::udp), std::nullopt) << "tcpmux is TCP's alone";
    EXPECT_EQ(service_name(61234, Proto::tcp), std::nullopt);
}

TEST(Port, ListsAllNamedOnesInOrderAndOnce) {
    const auto services = all_services(Proto::tcp);
    ASSERT_GT(services.size(), 50U);
    for (std::size_t i = 1; i < services.size(); ++i)
        EXPECT_LT(services[i - 1].port, services[i].port);
    EXPECT_NE(std::find(services.begin(), services.end(), Service{443, "https"}), services.end());
    const auto udp = all_services(Proto::udp);
    EXPECT_EQ(std::find(udp.begin(), udp.end(), Service{1, "tcpmux"}), udp.end());
}

TEST(PortRange, IsParsedAndPrinted) {
    const auto parsed = [](const char* text) { return PortRange::parse(text, Proto::tcp).value(); };
    EXPECT_EQ(parsed("80"), (PortRange{80, 80}));
    EXPECT_EQ(parsed("8000-8999"), (PortRange{8000, 8999}));
    EXPECT_EQ(parsed("80-https"), (PortRange{80, 443}));
    EXPECT_EQ(parsed("ftp-data"), (PortRange{20, 20}));
    EXPECT_EQ(parsed("*"), PortRange::all());
    EXPECT_EQ(parsed("8000-8999").to_string(), "8000-8999");
    EXPECT_EQ(parsed("80-80").to_string(), "80");
    EXPECT_EQ(parsed("*").to_string(), "*");
}

TEST(PortRange, AllPortsIsAnotherThingThanAWholeRange) {
    const auto whole = PortRange::parse("1-65535", Proto::tcp).value();
    EXPECT_FALSE(whole.is_all());
    EXPECT_NE(whole, PortRange::all());
    EXPECT_TRUE(PortRange::all().covers(65535));
    EXPECT_FALSE(PortRange::all().covers(0));
    EXPECT_FALSE(PortRange::all().is_single());
    EXPECT_FALSE((PortRange{10, 20}.covers(21)));
    EXPECT_TRUE((PortRange{10, 20}.covers(20)));
}

struct EndpointCase {
    std::string text;
    LocalForm form;
    std::string prefix;
    PortRange ports;
    std::string printed;
};

TEST(LocalEndpoint, HasEveryFormOfTheGrammar) {
    const std::vector<EndpointCase> cases{
        {"0.0.0.0:80", LocalForm::wildcard, "0.0.0.0/0", {80, 80}, "0.0.0.0:80"},
        {"[::]:80", LocalForm::wildcard, "::/0", {80, 80}, "[::]:80"},
        {"*:80", LocalForm::wildcard, "::/0", {80, 80}, "[::]:80"},
        {"*:*", LocalForm::wildcard, "::/0", {0, 0}, "[::]:*"},
        {"192.0.2.1:https", LocalForm::exact, "192.0.2.1/32", {443, 443}, "192.0.2.1:443"},
        {"203.0.113.0/24:443", LocalForm::prefix, "203.0.113.0/24", {443, 443}, "203.0.113.0/24:443"},
        {"[2001:db8::/64]:443", LocalForm::prefix, "2001:db8::/64", {443, 443}, "[2001:db8::/64]:443"},
        {"[2001:DB8::1]:domain", LocalForm::exact, "2001:db8::1/128", {53, 53}, "[2001:db8::1]:53"},
        {"192.0.2.1:8000-8999", LocalForm::exact, "192.0.2.1/32", {8000, 8999}, "192.0.2.1:8000-8999"},
        {"192.0.2.1:*", LocalForm::exact, "192.0.2.1/32", {0, 0}, "192.0.2.1:*"},
        {"192.0.2.1/32:80", LocalForm::exact, "192.0.2.1/32", {80, 80}, "192.0.2.1:80"},
        {"[2001:db8::1/128]:80", LocalForm::exact, "2001:db8::1/128", {80, 80}, "[2001:db8::1]:80"},
    };
    for (const auto& [text, form, prefix, ports, printed] : cases) {
        const auto endpoint = LocalEndpoint::parse(text, Proto::tcp);
        ASSERT_TRUE(endpoint) << endpoint.error().message();
        EXPECT_EQ(endpoint->form, form) << text;
        EXPECT_EQ(endpoint->prefix.to_string(), prefix) << text;
        EXPECT_EQ(endpoint->ports, ports) << text;
        EXPECT_EQ(endpoint->to_string(), printed);
        EXPECT_EQ(LocalEndpoint::parse(printed, Proto::tcp), *endpoint) << "what is printed is what is parsed";
    }
}

TEST(LocalEndpoint, PrintsItsAddressAsJsonHasIt) {
    const auto text = [](const char* endpoint) { return LocalEndpoint::parse(endpoint, Proto::tcp)->address_text(); };
    EXPECT_EQ(text("*:80"), "::");
    EXPECT_EQ(text("0.0.0.0:80"), "0.0.0.0");
    EXPECT_EQ(text("203.0.113.0/24:443"), "203.0.113.0/24");
    EXPECT_EQ(text("[2001:db8::1]:443"), "2001:db8::1");
}

TEST(LocalEndpoint, RefusesBadInputWithAMessageOfItsOwn) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "it is empty; use ADDR:PORT"},
        {"192.0.2.1", "the port is missing; use 192.0.2.1:PORT, or 192.0.2.1:* for all ports"},
        {"192.0.2.1:", "the port is missing; use 192.0.2.1:PORT, or 192.0.2.1:* for all ports"},
        {"[::1]", "the port is missing; use [::1]:PORT, or [::1]:* for all ports"},
        {"[::1]:", "the port is missing; use [::1]:PORT, or [::1]:* for all ports"},
        {":80", "the address is missing; use ADDR:80, or *:80 for all addresses"},
        {"80", "the address is missing; use ADDR:80, or *:80 for all addresses"},
        {":", "the address is missing; use ADDR:PORT, or *:PORT for all addresses"},
        {"2001:db8::1:80", "an IPv6 address needs brackets; use [ADDR]:PORT"},
        {":::80", "an IPv6 address needs brackets; use [ADDR]:PORT"},
        {"192.0.2.1::80", "it mixes IPv4 and IPv6; use ADDR:PORT for IPv4 or [ADDR]:PORT for IPv6"},
        {"[192.0.2.1]:80", "brackets are for IPv6; use 192.0.2.1:80"},
        {"[192.0.2.0/24]:80", "brackets are for IPv6; use 192.0.2.0/24:80"},
        {"[::1:80", "\"[\" has no \"]\""},
        {"[::1]80", "\"]\" is to be followed by \":\" and a port"},
        {"[2001:db8::]/64:443", "a prefix length stands inside the brackets; use [ADDR/LEN]:PORT"},
        {"[::ffff:192.0.2.1]:80",
         "\"::ffff:192.0.2.1\" is an IPv4-mapped address, and its packets are IPv4; use 192.0.2.1"},
        {"192.0.2.300:80", "\"192.0.2.300\" is not an IPv4 or IPv6 address"},
        {"localhost:80", "\"localhost\" is not an IPv4 or IPv6 address"},
        {"203.0.113.7/24:443", "prefix \"203.0.113.7/24\" has host bits set; use 203.0.113.0/24"},
        {"203.0.113.0/33:443", "prefix \"203.0.113.0/33\": length \"33\" is no number from 0 to 32"},
        {"0.0.0.0/0:80", "prefix \"0.0.0.0/0\" is no listener's; use 0.0.0.0:80 for all addresses"},
        {"[::/0]:80", "prefix \"::/0\" is no listener's; use [::]:80 for all addresses"},
        {"192.0.2.1:70000", "port 70000 is outside 1-65535"},
        {"192.0.2.1:0", "port 0 is outside 1-65535"},
        {"192.0.2.1:-1", "port -1 is outside 1-65535"},
        {"192.0.2.1:80x", "port \"80x\" is not a number from 1 to 65535"},
        {"192.0.2.1:8999-8000", "port range 8999-8000 runs backwards; use 8000-8999"},
        {"192.0.2.1:0-80", "port 0 is outside 1-65535"},
        {"192.0.2.1:8000-", "port range \"8000-\": the port is missing"},
        {"192.0.2.1:8000-70000", "port range \"8000-70000\": port 70000 is outside 1-65535"},
        {"192.0.2.1:1-2-3", "port range \"1-2-3\": port \"2-3\" is not a number from 1 to 65535"},
    };
    for (const auto& [text, why] : cases) {
        const auto endpoint = LocalEndpoint::parse(text, Proto::tcp);
        ASSERT_FALSE(endpoint) << text;
        EXPECT_EQ(endpoint.error().message(), "endpoint \"" + text + "\": " + why);
        EXPECT_EQ(endpoint.error().kind(), ErrorKind::usage);
    }
}

TEST(LocalEndpoint, LooksUpServicesOfItsOwnProtocol) {
    EXPECT_TRUE(LocalEndpoint::parse("*:tftp", Proto::udp));
    const auto tcp = LocalEndpoint::parse("*:tftp", Proto::tcp);
    ASSERT_FALSE(tcp);
    EXPECT_NE(tcp.error().message().find("unknown tcp service \"tftp\""), std::string::npos);
}

TEST(SocketAddress, IsOneAddressAndOnePort) {
    const auto v4 = SocketAddress::parse("192.0.2.1:https", Proto::tcp).value();
    EXPECT_EQ(v4.to_string(), "192.0.2.1:443");
    const auto v6 = SocketAddress::parse("[2001:db8::1]:50000", Proto::tcp).value();
    EXPECT_EQ(v6.to_string(), "[2001:db8::1]:50000");
    for (const char* text :
         {"*:80", "10.0.0.0/8:80", "[::/64]:80", "10.0.0.1:*", "10.0.0.1:1-2", "10.0.0.1:0", "10.0.0.1"}) {
        EXPECT_FALSE(SocketAddress::parse(text, Proto::tcp)) << text;
    }
}

TEST(SocketAddress, AsksForWhatIsMissingWithoutNamingASeveral) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"10.0.0.1", "the port is missing; use 10.0.0.1:PORT"},
        {"[::1]:", "the port is missing; use [::1]:PORT"},
        {":80", "the address is missing; use ADDR:80"},
        {"80", "the address is missing; use ADDR:80"},
    };
    for (const auto& [text, why] : cases)
        EXPECT_EQ(SocketAddress::parse(text, Proto::tcp).error().message(), "endpoint \"" + text + "\": " + why);
}

TEST(IanaRange, BeginsAndEndsWhereRfc6335SaysIt) {
    EXPECT_EQ(iana_range(1023), IanaRange::well_known);
    EXPECT_EQ(iana_range(1024), IanaRange::registered);
    EXPECT_EQ(iana_range(49151), IanaRange::registered);
    EXPECT_EQ(iana_range(49152), IanaRange::dynamic);
    EXPECT_EQ(iana_range_name(iana_range(0)), "well-known");
    EXPECT_EQ(iana_range_name(IanaRange::registered), "registered");
    EXPECT_EQ(iana_range_name(IanaRange::dynamic), "dynamic");
    for (const auto range : {IanaRange::well_known, IanaRange::registered, IanaRange::dynamic}) {
        const auto [first, last] = iana_limits(range);
        EXPECT_EQ(iana_range(first), range);
        EXPECT_EQ(iana_range(last), range);
    }
}

}  // namespace
}  // namespace xdemux::test::policy_endpoint
