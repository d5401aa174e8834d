// SPDX-License-Identifier: BSD-2-Clause
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <xdemux/policy/guard.h>

namespace xdemux::test::policy_guard {
namespace {

Prefix prefix(const std::string& text) {
    return Prefix::parse(text).value();
}

std::string source_error(const std::string& text) {
    const auto source = parse_source(text);
    if (source) return "parsed";
    EXPECT_EQ(source.error().kind(), ErrorKind::usage);
    return source.error().message();
}

Result<std::vector<Prefix>> file(const std::string& text) {
    std::istringstream in(text);
    std::vector<Prefix> sources;
    if (auto read = read_sources(in, "friends.txt", sources); !read) return fail(read.error());
    return sources;
}

TEST(GuardSources, AreAddressesOrPrefixesOfBothFamilies) {
    std::vector<Prefix> sources;
    ASSERT_TRUE(parse_sources("10.0.0.0/8,192.0.2.7,2001:db8::/32,2001:db8::7,0.0.0.0/0", sources));
    EXPECT_EQ(sources, (std::vector{prefix("10.0.0.0/8"), prefix("192.0.2.7/32"), prefix("2001:db8::/32"),
                                    prefix("2001:db8::7/128"), prefix("0.0.0.0/0")}));
    ASSERT_TRUE(parse_sources("10.0.0.0/8", sources));
    EXPECT_EQ(sources.size(), 6U) << "a second list comes behind the first";
    sort_sources(sources);
    EXPECT_EQ(sources, (std::vector{prefix("0.0.0.0/0"), prefix("10.0.0.0/8"), prefix("192.0.2.7/32"),
                                    prefix("2001:db8::/32"), prefix("2001:db8::7/128")}));
    EXPECT_EQ(source_text(sources[1]), "10.0.0.0/8");
    EXPECT_EQ(source_text(sources[2]), "192.0.2.7");
    EXPECT_EQ(source_text(sources[4]), "2001:db8::7");
}

TEST(GuardSources, TellWhatIsWrong) {
    EXPECT_EQ(source_error("10.0.0.1/8"), "prefix \"10.0.0.1/8\" has host bits set; use 10.0.0.0/8");
    EXPECT_EQ(source_error("10.0.0.0/33"), "prefix \"10.0.0.0/33\": length \"33\" is no number from 0 to 32");
    EXPECT_EQ(source_error("localhost"), "source: \"localhost\" is not an IPv4 or IPv6 address");
    EXPECT_EQ(source_error(""), "source: \"\" is not an IPv4 or IPv6 address");
    EXPECT_EQ(source_error("::ffff:192.0.2.1"),
              "source: \"::ffff:192.0.2.1\" is an IPv4-mapped address, and its packets are IPv4; use 192.0.2.1");
    std::vector<Prefix> sources;
    for (const auto* list : {"", ",", "10.0.0.0/8,", ",10.0.0.0/8", "10.0.0.0/8,,192.0.2.7", "10.0.0.0/8 ,192.0.2.7"})
        EXPECT_FALSE(parse_sources(list, sources)) << list;
}

TEST(GuardSources, ComeFromAFileOneALine) {
    const auto sources = file("# friends\n\n10.0.0.0/8\n  192.0.2.7  # the printer\r\n\t\n2001:db8::/32");
    ASSERT_TRUE(sources) << sources.error().message();
    EXPECT_EQ(*sources, (std::vector{prefix("10.0.0.0/8"), prefix("192.0.2.7/32"), prefix("2001:db8::/32")}));
}

TEST(GuardSources, OfAFileAreReportedWithEveryLineThatIsWrong) {
    const auto sources = file("10.0.0.0/8\n10.0.0.1/8\n# fine\n10.0.0.0/8 192.0.2.7\n");
    ASSERT_FALSE(sources);
    EXPECT_EQ(sources.error().kind(), ErrorKind::usage);
    EXPECT_EQ(sources.error().message(),
              "friends.txt:2: prefix \"10.0.0.1/8\" has host bits set; use 10.0.0.0/8\n"
              "friends.txt:4: prefix \"10.0.0.0/8 192.0.2.7\": length \"8 192.0.2.7\" is no number from 0 to 32");
}

TEST(GuardSources, OfAnEmptyFileAdmitNotEveryoneButAreAnError) {
    EXPECT_EQ(file("# none yet\n").error().message(),
              "friends.txt names no source; to admit every source, leave the list of sources out");
}

TEST(GuardSources, AreReadByTheTenThousand) {
    std::string text;
    for (int i = 0; i < 10'000; ++i)
        text += "10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24\n";
    EXPECT_EQ(file(text)->size(), 10'000U);
}

TEST(GuardRate, HasABurstOfASecondUnlessSaid) {
    EXPECT_EQ(parse_rate("100", std::nullopt).value(), (Rate{100, 100}));
    EXPECT_EQ(parse_rate("1", "50").value(), (Rate{1, 50}));
    EXPECT_EQ(parse_rate("10000000", "10000000").value(), (Rate{10'000'000, 10'000'000}));
    EXPECT_EQ(parse_rate(std::nullopt, std::nullopt).value(), std::nullopt);
}

TEST(GuardRate, IsANumberWithinBounds) {
    for (const auto* rate : {"0", "-1", "10000001", "99999999999999999999", "", "5x", "1.5", " 5"}) {
        const auto parsed = parse_rate(rate, std::nullopt);
        ASSERT_FALSE(parsed) << rate;
        EXPECT_EQ(parsed.error().kind(), ErrorKind::usage);
        EXPECT_EQ(parsed.error().message(),
                  "--rate \"" + std::string(rate) + "\" is no number of packets from 1 to 10000000");
        EXPECT_EQ(parse_rate("5", rate).error().message(),
                  "--burst \"" + std::string(rate) + "\" is no number of packets from 1 to 10000000");
    }
    EXPECT_EQ(parse_rate(std::nullopt, "5").error().message(),
              "--burst goes with --rate: how many packets may come at once");
}

TEST(Guard, AdmitsItsSourcesAndEveryoneWithout) {
    Guard guard;
    EXPECT_TRUE(guard.empty());
    EXPECT_TRUE(guard.admits(Address::parse("192.0.2.7").value()));
    guard.rate = Rate{5, 5};
    EXPECT_TRUE(guard.admits(Address::parse("192.0.2.7").value()));
    guard.sources = {prefix("10.0.0.0/8"), prefix("192.0.2.0/31")};
    EXPECT_TRUE(guard.admits(Address::parse("10.255.255.255").value()));
    EXPECT_TRUE(guard.admits(Address::parse("192.0.2.1").value()));
    EXPECT_FALSE(guard.admits(Address::parse("192.0.2.2").value()));
    EXPECT_FALSE(guard.admits(Address::parse("2001:db8::1").value()));
}

TEST(Guard, IsToldInShort) {
    Guard guard;
    EXPECT_EQ(guard.to_string(), "");
    guard.sources = {prefix("10.0.0.0/8"), prefix("192.0.2.7/32"), prefix("2001:db8::/32")};
    EXPECT_EQ(guard.to_string(), "from 10.0.0.0/8,192.0.2.7,2001:db8::/32");
    guard.rate = Rate{100, 5};
    EXPECT_EQ(guard.to_string(), "from 10.0.0.0/8,192.0.2.7,2001:db8::/32 rate 100/s burst 5");
    guard.sources.push_back(prefix("2001:db8:1::/48"));
    EXPECT_EQ(guard.to_string(), "from 10.0.0.0/8,192.0.2.7 and 2 more rate 100/s burst 5");
    guard.sources.clear();
    EXPECT_EQ(guard.to_string(), "rate 100/s burst 5");
}

}  // namespace
}  // namespace xdemux::test::policy_guard
