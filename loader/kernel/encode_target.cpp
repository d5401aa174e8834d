// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include <xdemux/kernel/encode.h>

namespace xdemux {
namespace {

constexpr std::array kinds{
    std::pair{TargetKind::pass, contract::TARGET_PASS},     std::pair{TargetKind::drop, contract::TARGET_DROP},
    std::pair{TargetKind::reject, contract::TARGET_REJECT}, std::pair{TargetKind::steer, contract::TARGET_STEER},
    std::pair{TargetKind::cpu, contract::TARGET_CPU},       std::pair{TargetKind::dev, contract::TARGET_DEV},
    std::pair{TargetKind::group, contract::TARGET_GROUP},   std::pair{TargetKind::xsk, contract::TARGET_XSK},
    std::pair{TargetKind::socket, contract::TARGET_SOCKET},
};

static_assert(TargetTable::first_number == contract::TARGET_FIRST && TargetTable::end_number == contract::TARGETS);

MacAddress decode_mac(const __u8 (&bytes)[6]) {
    MacAddress mac;
    std::copy(std::begin(bytes), std::end(bytes), mac.begin());
    return mac;
}

}  // namespace

contract::target_kind encode(TargetKind kind) {
    return std::ranges::find(kinds, kind, &decltype(kinds)::value_type::first)->second;
}

Result<TargetKind> decode_target(std::uint32_t kind) {
    const auto* found = std::ranges::find(kinds, kind, [](const auto& each) { return std::uint32_t{each.second}; });
    if (found != kinds.end()) return found->first;
    return fail(ErrorKind::failed, fmt::format("a table holds a target of unknown kind {}", kind));
}

contract::target encode(const Target& target) {
    contract::target out{};
    out.kind = encode(target.kind);
    out.fallback = encode(target.fallback.value_or(TargetKind::pass));
    if (target.kind == TargetKind::cpu) {
        out.first = target.first_cpu;
        out.count = target.last_cpu - target.first_cpu + 1;
        out.queue = target.queue;
    }
    if (target.kind == TargetKind::dev) out.first = target.ifindex;
    if (target.dst_mac) {
        std::ranges::copy(*target.dst_mac, out.dst_mac);
        std::ranges::copy(target.src_mac.value_or(MacAddress{}), out.src_mac);
        out.rewrite = 1;
    }
    std::ranges::copy(target.name.substr(0, contract::NAME_SIZE - 1), out.name);
    return out;
}

Result<std::optional<Target>> decode(const contract::target& target) {
    if (target.kind == contract::TARGET_NONE) return std::nullopt;
    const auto kind = decode_target(target.kind);
    if (!kind) return fail(kind.error());
    const auto fallback = decode_target(target.fallback);
    if (!fallback) return fail(fallback.error());
    Target out;
    out.kind = *kind;
    out.fallback = *fallback;
    if (*kind == TargetKind::cpu) {
        out.first_cpu = target.first;
        out.last_cpu = target.first + target.count - 1;
        out.queue = target.queue;
    }
    if (*kind == TargetKind::dev) out.ifindex = target.first;
    if (target.rewrite != 0) {
        out.dst_mac = decode_mac(target.dst_mac);
        out.src_mac = decode_mac(target.src_mac);
    }
    out.name.assign(target.name, std::find(std::begin(target.name), std::end(target.name), '\0'));
    return out;
}

}  // namespace xdemux
