// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/policy/filter.h>

namespace xdemux::test::policy_filter {
namespace {

Row listening(const std::string& local, Proto proto = Proto::tcp) {
    Row row;
    row.proto = proto;
    row.local = LocalEndpoint::parse(local, proto).value();
    row.family = row.local.family();
    return row;
}

Row connected(const std::string& local, const std::string& remote, SocketState state = SocketState::established) {
    Row row = listening(local);
    row.state = state;
    row.remote = SocketAddress::parse(remote, Proto::tcp).value();
    return row;
}

const std::vector<Row>& rows() {
    static const std::vector<Row> all{
        listening("0.0.0.0:80"),                                             // 0
        listening("[::]:443"),                                               // 1
        listening("10.1.2.3:8000-8999"),                                     // 2
        listening("10.1.0.0/16:53", Proto::udp),                             // 3
        listening("192.0.2.1:*"),                                            // 4
        connected("10.1.2.3:443", "198.51.100.7:50000"),                     // 5
        connected("[2001:db8::1]:443", "[2001:db8::2]:50001"),               // 6
        connected("10.1.2.3:22", "10.9.9.9:40000", SocketState::time_wait),  // 7
    };
    return all;
}

/// The rows that match, as digits: "057".
std::string matching(const std::vector<std::string>& words) {
    const auto filter = Filter::parse(words);
    if (!filter) return filter.error().message();
    std::string found;
    for (std::size_t i = 0; i < rows().size(); ++i) {
        if (filter->matches(rows()[i])) found += std::to_string(i);
    }
    return found;
}

TEST(Filter, MatchesAsSsDoes) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "01234567"},
        {"state listening", "01234"},
        {"state LISTEN", "01234"},
        {"state established", "56"},
        {"state time-wait", "7"},
        {"state established state time-wait", "567"},
        {"exclude listening", "567"},
        {"state connected", "567"},
        {"state connected exclude time-wait", "56"},
        {"state bucket", "7"},
        {"state synchronized", "567"},
        {"state syn-sent", ""},
        {"state all", "01234567"},
        {"sport = :443", "1456"},
        {"sport :443", "1456"},
        {"sport 443", "1456"},
        {"sport=:443", "1456"},
        {"sport == :https", "1456"},
        {"sport eq https", "1456"},
        {"sport != :443", "0237"},
        {"sport ne :443", "0237"},
        {"sport = :8500", "24"},
        {"sport >= :8999", "24"},
        {"sport > :8999", "4"},
        {"sport gt 8999", "4"},
        {"sport < :80", "347"},
        {"sport lt :80", "347"},
        {"sport <= :80", "0347"},
        {"sport le :80", "0347"},
        {"sport = :tftp", "4"},
        {"dport = :50000", "5"},
        {"dport != :50000", "0123467"},
        {"dport >= :50000", "56"},
        {"dport ge :50001", "6"},
        {"src 10.0.0.0/8", "2357"},
        {"src 10.1.2.3", "257"},
        {"src = 10.1.2.3", "257"},
        {"src != 10.1.2.3", "01346"},
        {"src 10.1.2.3:443", "5"},
        {"src 10.1.2.3:https", "5"},
        {"src 10.0.0.0/8:443", "5"},
        {"src 10.1.2.0/24", "257"},
        {"src :443", "1456"},
        {"src *:443", "1456"},
        {"src *", "01234567"},
        {"src 10.1.2.3:*", "257"},
        {"src 0.0.0.0", "0"},
        {"src 0.0.0.0/0", "023457"},
        {"src ::/0", "16"},
        {"src [::]:443", "1"},
        {"src 2001:db8::/32", "6"},
        {"src [2001:db8::/32]:443", "6"},
        {"src [2001:db8::]/32:443", "6"},
        {"src [2001:db8::1]", "6"},
        {"dst 198.51.100.0/24", "5"},
        {"dst 10.0.0.0/8", "7"},
        {"dst != 10.0.0.0/8", "0123456"},
        {"dst [2001:db8::2]:50001", "6"},
        {"-4", "023457"},
        {"-6", "16"},
        {"family inet6", "16"},
        {"family inet", "023457"},
        {"udp", "3"},
        {"tcp state listening", "0124"},
        {"not state listening", "567"},
        {"! state listening", "567"},
        {"not not state listening", "01234"},
        {"state listening sport = :443", "14"},
        {"state listening and sport = :443", "14"},
        {"state listening && sport = :443", "14"},
        {"sport = :80 or sport = :443", "01456"},
        {"sport = :80 | sport = :22", "047"},
        {"sport = :80 || sport = :22", "047"},
        {"( sport = :80 or sport = :443 ) and state established", "56"},
        {"(sport=:80 or sport=:443) state established", "56"},
        {"sport = :80 or sport = :443 and state established", "0456"},
        {"not ( sport = :443 or state listening )", "7"},
        {"-4 not src 10.0.0.0/8", "04"},
    };
    for (const auto& [text, expected] : cases)
        EXPECT_EQ(matching({text}), expected) << text;
}

TEST(Filter, TakesItsWordsOneByOneOrTogether) {
    EXPECT_EQ(matching({}), "01234567");
    EXPECT_EQ(matching({"state", "listening", "sport", "=", ":443"}), "14");
    EXPECT_EQ(matching({"state listening", "sport = :443"}), "14");
    EXPECT_EQ(matching({"(", "sport", "=", ":80", ")"}), "04");
}

TEST(Filter, NamesTheOffendingWord) {
    const std::string conditions =
        "no condition begins with it; use state, exclude, sport, dport, src, dst, family, tcp or udp";
    const std::vector<std::pair<std::string, std::string>> cases{
        {"foo", "\"foo\": " + conditions},
        {"sport = :443 foo", "\"foo\": " + conditions},
        {"and sport = :443", "\"and\": " + conditions},
        {"sport", "\"sport\": a port, as in :443 is to follow"},
        {"sport =", "\"=\": a port, as in :443 is to follow"},
        {"sport = :70000", "\":70000\": port 70000 is outside 1-65535"},
        {"sport = :80x", "\":80x\": port \"80x\" is not a number from 1 to 65535"},
        {"sport = :", "\":\": the port is missing"},
        {"sport => :80",
         "\">\": unknown tcp service \">\"; use a port number, or a name that \"getent services\" lists"},
        {"src", "\"src\": an address, as in 10.0.0.0/8:443 is to follow"},
        {"src > 10.0.0.1", "\">\": addresses have no order; use = or != after src"},
        {"src 10.0.0.1/8", "\"10.0.0.1/8\": prefix \"10.0.0.1/8\" has host bits set; use 10.0.0.0/8"},
        {"src 10.0.0", "\"10.0.0\": \"10.0.0\" is not an IPv4 or IPv6 address"},
        {"src [::1", "\"[::1\": \"[\" has no \"]\""},
        {"src [::1]x", "\"[::1]x\": \"]\" is to be followed by \":\" or \"/\""},
        {"dst 10.0.0.1:0", "\"10.0.0.1:0\": port 0 is outside 1-65535"},
        {"family inet7", "\"inet7\": unknown family; use inet or inet6"},
        {"family", "\"family\": inet or inet6 is to follow"},
        {"state", "\"state\": a state is to follow"},
        {"not", "\"not\": a condition is to follow"},
        {"sport = :80 or", "\"or\": a condition is to follow"},
        {"sport = :80 and", "\"and\": a condition is to follow"},
        {"( sport = :80", "\"(\": a \")\" is missing"},
        {"sport = :80 )", "\")\": nothing is to be closed here"},
        {"( )", "\")\": " + conditions},
    };
    for (const auto& [text, why] : cases) {
        EXPECT_EQ(matching({text}), "filter: " + why) << text;
        EXPECT_EQ(Filter::parse({text}).error().kind(), ErrorKind::usage) << text;
    }
    EXPECT_TRUE(matching({"state open"}).starts_with("filter: \"open\": unknown state; the states are: established, "));
}

TEST(Filter, RefusesEndlessNesting) {
    EXPECT_EQ(matching({std::string(100000, '(')}), "filter: \"(\": the filter is nested too deeply");
    EXPECT_EQ(matching({std::string(30, '(') + "sport = :80" + std::string(30, ')')}), "04");
}

TEST(Filter, CanBeNarrowedToAFamily) {
    EXPECT_TRUE(Filter().empty());
    const Filter six = Filter().only(Family::ipv6);
    EXPECT_FALSE(six.empty());
    EXPECT_TRUE(six.matches(rows()[1]));
    EXPECT_FALSE(six.matches(rows()[0]));
    const Filter both = Filter::parse({"sport = :443"})->only(Family::ipv4);
    EXPECT_TRUE(both.matches(rows()[5]));
    EXPECT_FALSE(both.matches(rows()[6]));
    EXPECT_FALSE(both.matches(rows()[0]));
}

TEST(SocketState, IsNamedAsSsNamesIt) {
    EXPECT_EQ(socket_state_name(SocketState::listening), "LISTEN");
    EXPECT_EQ(socket_state_name(SocketState::established), "ESTAB");
    EXPECT_EQ(socket_state_name(SocketState::time_wait), "TIME-WAIT");
    EXPECT_EQ(socket_state_name(SocketState::closed), "UNCONN");
    EXPECT_EQ(static_cast<int>(SocketState::listening), 10) << "the kernel's TCP_LISTEN";
    EXPECT_EQ(static_cast<int>(SocketState::closing), 11) << "the kernel's TCP_CLOSING";
}

}  // namespace
}  // namespace xdemux::test::policy_filter
