// SPDX-License-Identifier: BSD-2-Clause
// Sources that are blocked for a time. What lives already stays: a flow, and a connection of the host's own sockets;
// the data path sees to that. It decides who may not be blocked, and prints nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/address.h>

namespace xdemux {

struct Block {
    Address source;
    std::uint64_t until_ns = 0;  ///< CLOCK_MONOTONIC_COARSE

    friend bool operator==(const Block&, const Block&) = default;
};
/// Those whose time is not over, by source.
Result<std::vector<Block>> read_blocks(const Instance& instance);

enum class BlockOrigin : std::uint8_t {
    request,  ///< somebody named the sources
    /// Packets, whose sources may be forged, made the choice: so gateways and resolvers are spared, and a block that
    /// lasts longer stays.
    evidence,
};

struct BlockRequest {
    std::vector<Address> sources;
    std::chrono::seconds duration{};
    BlockOrigin origin = BlockOrigin::request;
    bool dry_run = false;
};

struct SparedSource {
    Address source;
    std::string why;  ///< "it is an address of this host"
};

/// Blocks each source but those it spares, which it returns: addresses of this host, and of whoever is logged in here.
/// Removes what has passed. Errors: `usage` for what is no source of packets (a group, 0.0.0.0), `full`.
Result<std::vector<SparedSource>> block_sources(Instance& instance, const BlockRequest& request);

/// ErrorKind::not_found where it is not blocked.
Status unblock_source(Instance& instance, const Address& source, bool dry_run = false);
/// Returns how many were blocked.
Result<std::size_t> unblock_all(Instance& instance, bool dry_run = false);

}  // namespace xdemux
