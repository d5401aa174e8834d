// SPDX-License-Identifier: BSD-2-Clause
// Capture files as written by hand from their formats: pcap of both byte orders and both resolutions, pcapng, and what
// is wrong with the others.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <xdemux/ops/capture.h>

namespace xdemux::test::ops_capture {
namespace {

using ::testing::HasSubstr;

enum class Order { little, big };

std::string number(std::uint64_t value, int bytes, Order order) {
    std::string text;
    for (int i = 0; i < bytes; ++i) {
        const int shift = 8 * (order == Order::little ? i : bytes - 1 - i);
        text += static_cast<char>(value >> shift);
    }
    return text;
}

/// The header of a file of link type 1, Ethernet (draft-ietf-opsawg-pcap, 4).
std::string file_header(Order order, std::uint32_t magic, std::uint32_t link_type = 1) {
    return number(magic, 4, order) + number(2, 2, order) + number(4, 2, order) + number(0, 8, order) +
           number(65'535, 4, order) + number(link_type, 4, order);
}

std::string packet(Order order, std::uint32_t seconds, std::uint32_t fraction, const std::string& bytes,
                   std::uint32_t length) {
    return number(seconds, 4, order) + number(fraction, 4, order) + number(bytes.size(), 4, order) +
           number(length, 4, order) + bytes;
}

std::string block(std::uint32_t type, const std::string& body) {
    const std::uint64_t length = 12 + body.size();
    return number(type, 4, Order::little) + number(length, 4, Order::little) + body + number(length, 4, Order::little);
}

class CaptureFile : public ::testing::Test {
  protected:
    CaptureFile() : path_(fmt::format("{}capture-{}", ::testing::TempDir(), ::getpid())) {}
    ~CaptureFile() override { std::remove(path_.c_str()); }
    void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
    [[nodiscard]] Result<Capture> open() const { return Capture::open(path_); }

    std::string path_;
};

const std::string sixteen_bytes = "0123456789abcdef";

TEST_F(CaptureFile, both_byte_orders_and_both_resolutions_are_read) {
    for (const Order order : {Order::little, Order::big}) {
        for (const bool nano : {false, true}) {
            write(file_header(order, nano ? 0xa1b23c4d : 0xa1b2c3d4) + packet(order, 7, 5, sixteen_bytes, 16));
            auto capture = open();
            ASSERT_TRUE(capture) << capture.error().message();
            const auto first = capture->next().value();
            ASSERT_TRUE(first);
            EXPECT_EQ(first->number, 1U);
            EXPECT_EQ(first->time_ns, nano ? 7'000'000'005U : 7'000'005'000U);
            EXPECT_EQ(std::string(first->frame.begin(), first->frame.end()), sixteen_bytes);
            EXPECT_FALSE(capture->next().value());
        }
    }
}

TEST_F(CaptureFile, pcapng_is_read) {
    // Section header, an Ethernet interface of microseconds, an enhanced packet (draft-ietf-opsawg-pcapng, 4.1 to 4.3).
    const Order le = Order::little;
    const std::uint64_t time = 9'000'001;
    write(block(0x0a0d0d0a, number(0x1a2b3c4d, 4, le) + number(1, 2, le) + number(0, 2, le) + number(~0ULL, 8, le)) +
          block(1, number(1, 2, le) + number(0, 2, le) + number(65'535, 4, le)) +
          block(6, number(0, 4, le) + number(time >> 32U, 4, le) + number(time & 0xffffffffU, 4, le) +
                       number(16, 4, le) + number(16, 4, le) + sixteen_bytes));
    auto capture = open();
    ASSERT_TRUE(capture) << capture.error().message();
    const auto first = capture->next().value();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->time_ns, 9'000'001'000U);
    EXPECT_EQ(first->frame.size(), 16U);
    EXPECT_FALSE(capture->next().value());
}

TEST_F(CaptureFile, what_the_snapshot_length_cut_off_is_zero) {
    write(file_header(Order::little, 0xa1b2c3d4) + packet(Order::little, 0, 0, sixteen_bytes, 20));
    const auto first = open()->next().value();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->captured, 16U);
    EXPECT_EQ(std::string(first->frame.begin(), first->frame.end()), sixteen_bytes + std::string(4, '\0'));
}

TEST_F(CaptureFile, a_packet_that_is_cut_off_is_an_error_with_its_number) {
    const std::string whole = packet(Order::little, 0, 0, sixteen_bytes, 16);
    write(file_header(Order::little, 0xa1b2c3d4) + whole + whole.substr(0, whole.size() - 1));
    auto capture = open();
    ASSERT_TRUE(capture->next().value());
    const auto second = capture->next();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind(), ErrorKind::failed);
    EXPECT_THAT(second.error().message(), HasSubstr("cannot read packet 2 of \""));
}

TEST_F(CaptureFile, what_is_no_capture_is_a_usage_error) {
    for (const std::string& bytes : {std::string(), std::string("# not a capture, but as long as one's header\n")}) {
        write(bytes);
        const auto capture = open();
        ASSERT_FALSE(capture);
        EXPECT_EQ(capture.error().kind(), ErrorKind::usage);
        EXPECT_THAT(capture.error().message(), HasSubstr("is no capture, neither pcap nor pcapng"));
    }
}

TEST_F(CaptureFile, another_link_type_is_named) {
    write(file_header(Order::little, 0xa1b2c3d4, 276));
    const auto capture = open();
    ASSERT_FALSE(capture);
    EXPECT_EQ(capture.error().kind(), ErrorKind::usage);
    EXPECT_THAT(capture.error().message(), HasSubstr("link type LINUX_SLL2, not Ethernet"));
}

TEST_F(CaptureFile, one_that_is_not_there_is_named) {
    const auto capture = Capture::open("/nowhere/to.pcap");
    ASSERT_FALSE(capture);
    EXPECT_EQ(capture.error().message(), "cannot open \"/nowhere/to.pcap\": no such file or directory (ENOENT)");
}

}  // namespace
}  // namespace xdemux::test::ops_capture
