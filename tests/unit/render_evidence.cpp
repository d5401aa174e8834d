// SPDX-License-Identifier: BSD-2-Clause
// Scans, blocks and events as text, JSON and pcapng.
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "render/events.h"
#include "render/pcapng.h"
#include "render/scans.h"

namespace xdemux::test::render_evidence {
namespace {

const PortNames services({{80, "http"}}, {{53, "domain"}});

template <typename Print>
std::string printed(Print print) {
    std::string text;
    print(Sink([&](std::string_view piece) { text += piece; }));
    return text;
}

Address address(std::string_view text) {
    return Address::parse(text).value();
}

ScanRow row(std::string_view source) {
    ScanRow row;
    row.scan.source = address(source);
    row.scan.endpoints = 1000;
    row.scan.addresses = 1;
    row.scan.packets = 1003;
    row.scan.first_seen_ns = 2'000'000'000;
    row.scan.last_seen_ns = 7'500'000'000;
    row.scan.protocols = 1;
    row.scan.tcp_flags = 0x02;
    return row;
}

TEST(RenderScans, TextTellsWhoWhatWhenAndWhetherItIsBlocked) {
    std::vector<ScanRow> rows = {row("192.0.2.9"), row("2001:db8::9")};
    rows[1].scan.protocols = 3;
    rows[1].scan.tcp_flags = 0x29;
    rows[1].scan.kind = ScanKind::addresses;
    rows[1].blocked_until_ns = 69'000'000'000;
    EXPECT_EQ(
        printed([&](const Sink& sink) { print_scans_text(rows, std::chrono::seconds(9), sink); }),
        "Source       Kind       Endpoints  Addresses  Packets  Netid    Flags        First-seen  Last-seen  Blocked\n"
        "192.0.2.9    ports           1000          1     1003  tcp      syn             7 s ago    1 s ago        -\n"
        "2001:db8::9  addresses       1000          1     1003  tcp,udp  fin,psh,urg     7 s ago    1 s ago     60 "
        "s\n");
}

TEST(RenderScans, JsonHasEveryField) {
    ScanRow one = row("192.0.2.9");
    EXPECT_EQ(to_json(one).dump(),
              R"({"source":"192.0.2.9","family":"ipv4","endpoints":1000,"addresses":1,"packets":1003,)"
              R"("first_seen_ns":2000000000,"last_seen_ns":7500000000,"protocols":["tcp"],"tcp_flags":["syn"],)"
              R"("kind":"ports","blocked_until_ns":null})");
    one.scan.source = address("2001:db8::9");
    one.scan.protocols = 2;
    one.scan.tcp_flags = 0;
    one.blocked_until_ns = 5;
    const Json json = to_json(one);
    EXPECT_EQ(json["family"], "ipv6");
    EXPECT_EQ(json["protocols"], Json::array({"udp"}));
    EXPECT_EQ(json["tcp_flags"], Json::array());
    EXPECT_EQ(json["blocked_until_ns"], 5);
    EXPECT_EQ(printed([](const Sink& sink) { print_scans_json({}, sink); }), "{\"schema\": 1, \"scans\": []}\n");
}

TEST(RenderBlocks, TextTellsWhatIsLeftAndJsonUntilWhen) {
    const std::vector<Block> blocks = {{address("192.0.2.9"), 69'000'000'000}, {address("::2"), 9'000'000'000}};
    EXPECT_EQ(printed([&](const Sink& sink) { print_blocks_text(blocks, std::chrono::seconds(9), sink); }),
              "Source     Left\n"
              "192.0.2.9  60 s\n"
              "::2         0 s\n");
    EXPECT_EQ(printed([&](const Sink& sink) { print_blocks_json(std::span(blocks).first(1), sink); }),
              "{\"schema\": 1, \"blocks\": [\n"
              "{\"source\": \"192.0.2.9\", \"family\": \"ipv4\", \"until_ns\": 69000000000}\n]}\n");
}

PacketEvent event() {
    PacketEvent event;
    event.time_ns = 77;
    event.wall_time_ns = 1'769'860'800'123'456'789;  // date -u -d @1769860800: 2026-01-31 12:00:00
    event.verdict = contract::VERDICT_REJECT;
    event.action = contract::VERDICT_PASS;
    event.reason = contract::REASON_LISTENER_EXACT;
    event.proto = Proto::tcp;
    event.remote = PacketEnd{address("198.51.100.7"), 40000};
    event.local = PacketEnd{address("192.0.2.1"), 80};
    event.ifindex = 3;
    event.dev = "eth0";
    Listener listener;
    listener.local = LocalEndpoint::parse("192.0.2.1:80", Proto::tcp).value();
    listener.name = "web";
    event.listener = listener;
    event.frame = {1, 2, 3, 4, 5};
    event.frame_len = 60;
    return event;
}

TEST(RenderEvents, ALineOfTextHasItsColumns) {
    EXPECT_EQ(printed(print_event_titles),
              "Time                            Verdict  Action  Reason             Netid  Remote                 Local "
              "                 Dev       Listener\n");
    EXPECT_EQ(printed([](const Sink& sink) { print_event_text(event(), services, sink); }),
              "2026-01-31T12:00:00.123456789Z  reject   pass    listener_exact     tcp    198.51.100.7:40000     "
              "192.0.2.1:http         eth0      web\n");
}

TEST(RenderEvents, WhatIsNotKnownIsADashOrNull) {
    PacketEvent bare = event();
    bare.reason = contract::REASON_BAD_IPV4;
    bare.proto.reset();
    bare.remote.reset();
    bare.local = PacketEnd{address("192.0.2.1"), std::nullopt};
    bare.dev = "";
    bare.listener.reset();
    EXPECT_EQ(printed([&](const Sink& sink) { print_event_text(bare, services, sink); }),
              "2026-01-31T12:00:00.123456789Z  reject   pass    bad_ipv4           -      -                      "
              "192.0.2.1              -         -\n");
    const Json json = to_json(bare);
    EXPECT_EQ(json["proto"], nullptr);
    EXPECT_EQ(json["remote"], nullptr);
    EXPECT_EQ(json["local"], Json::parse(R"({"addr": "192.0.2.1", "port": null})"));
    EXPECT_EQ(json["dev"], nullptr);
    EXPECT_EQ(json["listener"], nullptr);
}

TEST(RenderEvents, JsonIsAnObjectALine) {
    EXPECT_EQ(printed([](const Sink& sink) { print_event_json(event(), sink); }),
              "{\"schema\": 1, \"event\": {\"time\": \"2026-01-31T12:00:00.123456789Z\", \"time_ns\": 77, "
              "\"verdict\": \"reject\", \"action\": \"pass\", \"reason\": \"listener_exact\", \"proto\": \"tcp\", "
              "\"remote\": {\"addr\": \"198.51.100.7\", \"port\": 40000}, \"local\": {\"addr\": \"192.0.2.1\", "
              "\"port\": 80}, \"dev\": \"eth0\", \"listener\": {\"proto\": \"tcp\", \"local\": {\"addr\": "
              "\"192.0.2.1\", \"port\": 80}, \"v6only\": false, \"dev\": null, \"name\": \"web\"}, "
              "\"frame_bytes\": 60}}\n");
}

/// A block of pcapng: its type, fixed fields, and options by code.
struct CaptureBlock {
    std::uint32_t type = 0;
    std::string body;

    [[nodiscard]] std::uint32_t word(std::size_t at) const {
        std::uint32_t value = 0;
        std::memcpy(&value, body.data() + at, sizeof value);
        return value;
    }
    /// Of the options that begin at `at`.
    [[nodiscard]] std::string option(std::size_t at, std::uint16_t code) const {
        while (at + 4 <= body.size()) {
            std::uint16_t header[2] = {};
            std::memcpy(header, body.data() + at, sizeof header);
            if (header[0] == code) return body.substr(at + 4, header[1]);
            if (header[0] == 0) break;
            at += 4 + (header[1] + 3U) / 4U * 4U;
        }
        return "absent";
    }
};

/// Little endian, as this machine is and as the file says. Fails where lengths do not agree.
std::vector<CaptureBlock> parse_capture(const std::string& bytes) {
    std::vector<CaptureBlock> blocks;
    std::size_t at = 0;
    while (at < bytes.size()) {
        std::uint32_t head[2] = {};
        std::uint32_t tail = 0;
        if (at + 12 > bytes.size()) break;
        std::memcpy(head, bytes.data() + at, sizeof head);
        if (head[1] % 4 != 0 || head[1] < 12 || at + head[1] > bytes.size()) break;
        std::memcpy(&tail, bytes.data() + at + head[1] - 4, sizeof tail);
        EXPECT_EQ(tail, head[1]);
        blocks.push_back({head[0], bytes.substr(at + 8, head[1] - 12)});
        at += head[1];
    }
    EXPECT_EQ(at, bytes.size()) << "the last block is cut";
    return blocks;
}

TEST(RenderPcapng, HasASectionAnInterfaceForEachDeviceAndThePackets) {
    const auto blocks = parse_capture(printed([](const Sink& sink) {
        PcapngWriter writer("xdemux test", 184, sink);
        PacketEvent packet = event();
        writer.write(packet);
        writer.write(packet);
        packet.ifindex = 4;
        packet.dev = "";
        packet.listener.reset();
        packet.action = packet.verdict;
        packet.frame = {1, 2, 3, 4};
        writer.write(packet);
    }));
    ASSERT_EQ(blocks.size(), 6U);
    EXPECT_EQ(blocks[0].type, 0x0a0d0d0aU);
    EXPECT_EQ(blocks[0].word(0), 0x1a2b3c4dU);
    EXPECT_EQ(blocks[0].word(4), 1U);
    EXPECT_EQ(blocks[0].option(16, 4), "xdemux test");
    EXPECT_EQ(blocks[1].type, 1U);
    EXPECT_EQ(blocks[1].word(0), 1U);    // LINKTYPE_ETHERNET
    EXPECT_EQ(blocks[1].word(4), 184U);  // snapshot length
    EXPECT_EQ(blocks[1].option(8, 2), "eth0");
    EXPECT_EQ(blocks[1].option(8, 9), std::string(1, '\x09'));
    EXPECT_EQ(blocks[2].type, 6U);
    EXPECT_EQ(blocks[3].type, 6U);
    EXPECT_EQ(blocks[4].type, 1U);
    EXPECT_EQ(blocks[4].option(8, 2), "if4");
    EXPECT_EQ(blocks[5].word(0), 1U) << "the second interface";
}

TEST(RenderPcapng, APacketHasItsTimeLengthsBytesAndReason) {
    const auto blocks = parse_capture(printed([](const Sink& sink) {
        PcapngWriter writer("xdemux test", 184, sink);
        writer.write(event());
    }));
    ASSERT_EQ(blocks.size(), 3U);
    const CaptureBlock& packet = blocks[2];
    const std::uint64_t time = std::uint64_t{packet.word(4)} << 32U | packet.word(8);
    EXPECT_EQ(time, 1'769'860'800'123'456'789U);
    EXPECT_EQ(packet.word(12), 5U);
    EXPECT_EQ(packet.word(16), 60U);
    EXPECT_EQ(packet.body.substr(20, 8), std::string("\1\2\3\4\5\0\0\0", 8));
    EXPECT_EQ(packet.option(28, 1), "reject listener_exact by listener tcp 192.0.2.1:80 \"web\", not carried out");
    EXPECT_EQ(packet.option(28, 2), std::string("\1\0\0\0", 4)) << "inbound";
}

}  // namespace
}  // namespace xdemux::test::render_evidence
