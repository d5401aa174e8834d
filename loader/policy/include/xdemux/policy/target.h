// SPDX-License-Identifier: BSD-2-Clause
// Where a match goes, as the user writes it: `pass`, `cpu:2-5,queue=512`, `dev:eth1,mac=02:00:00:00:00:01`,
// `xsk:dns,fallback=drop`. Values alone; what a target does to a packet is the data path's part, which number it has
// in an instance that of target_table.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux {

enum class TargetKind : std::uint8_t {
    pass,
    drop,
    reject,
    steer,  ///< of a listener's entries in the tables: one of those below; no user writes it
    cpu,
    dev,
    group,
    xsk,
    socket,
};

std::string_view target_kind_name(TargetKind kind);

/// pass, drop and reject: what a target is that needs nothing else.
constexpr bool is_simple(TargetKind kind) {
    return kind <= TargetKind::reject;
}

/// Whether such a packet still comes to this host's own stack.
constexpr bool reaches_stack(TargetKind kind) {
    return kind == TargetKind::pass || kind == TargetKind::cpu || kind == TargetKind::socket;
}

/// What a listener's entries in the tables hold: a socket is found by the stack, all else beyond pass, drop and reject
/// is one kind there.
constexpr TargetKind entry_kind(TargetKind kind) {
    if (kind == TargetKind::socket) return TargetKind::pass;
    return is_simple(kind) ? kind : TargetKind::steer;
}

using MacAddress = std::array<std::uint8_t, 6>;
std::string mac_text(const MacAddress& mac);

struct Target {
    TargetKind kind = TargetKind::pass;
    /// What is done where it cannot act; one that is_simple(). None: pass, or for a name what that name has.
    std::optional<TargetKind> fallback{};
    std::uint32_t first_cpu = 0;
    std::uint32_t last_cpu = 0;
    std::uint32_t queue = default_queue;  ///< of a CPU: frames that may wait
    std::string name{};                   ///< of a group, xsk, socket; of a dev the interface's
    std::uint32_t ifindex = 0;            ///< of a dev, its identity; 0: not looked up yet
    std::optional<MacAddress> dst_mac{};  ///< of a dev: written into each frame
    std::optional<MacAddress> src_mac{};

    static constexpr std::size_t max_name = 15;
    static constexpr std::uint32_t default_queue = 2048;
    static constexpr std::uint32_t max_queue = 16'384;  ///< what the kernel takes (cpu_map_update_elem)

    /// ErrorKind::usage, with the list of what there is.
    static Result<Target> parse(std::string_view text);
    /// As parse() reads it.
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(const Target&, const Target&) = default;
};

}  // namespace xdemux
