// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/encode_evidence.h>

namespace xdemux {
namespace {

contract::family family_of(std::uint8_t number) {
    return number == contract::FAMILY_IPV6 ? contract::FAMILY_IPV6 : contract::FAMILY_IPV4;
}

}  // namespace

contract::block_source encode_source(const Address& source) {
    contract::block_source key{};
    key.family = static_cast<__u8>(encode(source.family()));
    std::copy(source.bytes().begin(), source.bytes().end(), key.addr);
    return key;
}

Address decode(const contract::block_source& source) {
    return decode_address(family_of(source.family), source.addr);
}

std::optional<ScanSlot> decode(const contract::scanner& slot) {
    if (slot.last_seen == 0) return std::nullopt;
    ScanSlot out;
    out.source = decode_address(family_of(slot.family), slot.addr);
    out.first_seen = slot.first_seen;
    out.last_seen = slot.last_seen;
    out.packets = slot.packets;
    out.protocols = slot.protocols;
    out.tcp_flags = slot.tcp_flags;
    std::copy(std::begin(slot.endpoints), std::end(slot.endpoints), out.endpoints.begin());
    out.addresses = slot.addresses;
    return out;
}

}  // namespace xdemux
