// SPDX-License-Identifier: BSD-2-Clause
#include "render/pcapng.h"

#include <string_view>

#include <fmt/format.h>

#include <xdemux/ops/snapshot.h>

namespace xdemux {
namespace {

constexpr std::uint32_t section_header = 0x0a0d0d0a;
constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::uint32_t interface_description = 1;
constexpr std::uint32_t enhanced_packet = 6;
constexpr std::uint16_t linktype_ethernet = 1;

enum Option : std::uint16_t {
    end_of_options = 0,
    comment = 1,
    interface_name = 2,
    packet_flags = 2,
    user_application = 4,
    time_resolution = 9,
};

constexpr std::uint8_t nanoseconds = 9;  // 10^-9 s
constexpr std::uint32_t inbound = 1;     // of packet_flags

/// A block: its fields in little endian, which the section's header says.
class PcapngBlock {
  public:
    explicit PcapngBlock(std::uint32_t type) {
        put32(type);
        put32(0);  // the length, once it is known
    }

    template <typename Number>
    void put(Number number) {
        for (std::size_t i = 0; i < sizeof number; ++i)
            bytes_ += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i) & 0xffU);
    }
    void put16(std::uint16_t number) { put(number); }
    void put32(std::uint32_t number) { put(number); }
    void put64(std::uint64_t number) { put(number); }
    /// Padded to 32 bits.
    void put_bytes(std::string_view bytes) {
        bytes_ += bytes;
        bytes_.append((4 - bytes.size() % 4) % 4, '\0');
    }
    void put_option(Option code, std::string_view value) {
        put16(code);
        put16(static_cast<std::uint16_t>(value.size()));
        put_bytes(value);
    }
    /// With the length at both ends.
    std::string finish() {
        put_option(end_of_options, "");
        const auto length = static_cast<std::uint32_t>(bytes_.size() + 4);
        put32(length);
        bytes_.replace(4, 4, bytes_, bytes_.size() - 4, 4);
        return std::move(bytes_);
    }

  private:
    std::string bytes_;
};

/// "drop closed", "reject listener_exact by \"web\", not carried out"
std::string comment_of(const PacketEvent& event) {
    std::string text = fmt::format("{} {}", verdict_name(event.verdict), reason_name(event.reason));
    if (event.listener) {
        const Listener& listener = *event.listener;
        text += fmt::format(" by listener {} {}", proto_name(listener.proto), listener.local.to_string());
        if (!listener.name.empty()) text += fmt::format(" \"{}\"", listener.name);
    }
    if (event.action != event.verdict) text += ", not carried out";
    return text;
}

}  // namespace

PcapngWriter::PcapngWriter(std::string_view application, std::size_t snap_length, Sink sink)
    : snap_length_(snap_length), sink_(std::move(sink)) {
    PcapngBlock block(section_header);
    block.put32(byte_order_magic);
    block.put16(1);  // version 1.0
    block.put16(0);
    block.put64(~std::uint64_t{0});  // the section's length is not known
    block.put_option(user_application, application);
    sink_(block.finish());
}

std::uint32_t PcapngWriter::interface_of(const PacketEvent& event) {
    const auto [entry, fresh] =
        interfaces_.try_emplace({event.ifindex, event.dev}, static_cast<std::uint32_t>(interfaces_.size()));
    if (!fresh) return entry->second;
    PcapngBlock block(interface_description);
    block.put16(linktype_ethernet);
    block.put16(0);
    block.put32(static_cast<std::uint32_t>(snap_length_));
    block.put_option(interface_name, event.dev.empty() ? fmt::format("if{}", event.ifindex) : event.dev);
    block.put_option(time_resolution, std::string_view(reinterpret_cast<const char*>(&nanoseconds), 1));
    sink_(block.finish());
    return entry->second;
}

void PcapngWriter::write(const PacketEvent& event) {
    const std::uint32_t interface = interface_of(event);
    const auto time = static_cast<std::uint64_t>(event.wall_time_ns);
    PcapngBlock block(enhanced_packet);
    block.put32(interface);
    block.put32(static_cast<std::uint32_t>(time >> 32U));
    block.put32(static_cast<std::uint32_t>(time));
    block.put32(static_cast<std::uint32_t>(event.frame.size()));
    block.put32(event.frame_len);
    block.put_bytes({reinterpret_cast<const char*>(event.frame.data()), event.frame.size()});
    block.put_option(comment, comment_of(event));
    const std::string direction{static_cast<char>(inbound), '\0', '\0', '\0'};
    block.put_option(packet_flags, direction);
    sink_(block.finish());
}

}  // namespace xdemux
