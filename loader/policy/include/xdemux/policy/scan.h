// SPDX-License-Identifier: BSD-2-Clause
// Evidence of scans as values: what one slot of a bounded table says of a source, how the CPUs' slots become one, and
// how many endpoints its bitmaps stand for. Pure; it reads no table and knows no clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>

namespace xdemux {

/// Bitmaps of 64 bits over the hashes of the closed endpoints: of all, of one of 16, of one of 256. An endpoint has the
/// same bit in each, so a bit of a coarser one is set in the finer ones too.
using EndpointBits = std::array<std::uint64_t, 3>;

/// What one CPU knows of one source.
struct ScanSlot {
    Address source;
    std::uint32_t first_seen = 0;  ///< CLOCK_MONOTONIC in units of 2^30 ns, plus one
    std::uint32_t last_seen = 0;
    std::uint64_t packets = 0;
    std::uint8_t protocols = 0;  ///< bits by Proto
    std::uint8_t tcp_flags = 0;  ///< of all packets
    EndpointBits endpoints{};
    std::uint64_t addresses = 0;  ///< as the first of EndpointBits, of the local addresses
};

/// How many distinct ones the bitmaps stand for: the value under which these bits are the likeliest. The standard error
/// is below 25 % up to 40,000 and below 30 % up to 65,536; from 80,000 on it says 80,000.
double estimate_endpoints(const EndpointBits& bits);
/// The same of one bitmap (linear counting, Whang et al., 1990): good to 20 % up to 200; at most 311.
double estimate_addresses(std::uint64_t bits);

enum class ScanKind : std::uint8_t {
    ports,      ///< many ports on one address
    addresses,  ///< one port on many addresses
    mixed,
};
/// "ports", "addresses", "mixed".
std::string_view scan_kind_name(ScanKind kind);

/// A source and all that is known of it.
struct Scan {
    Address source;
    std::uint64_t endpoints = 0;  ///< closed ones that it touched, distinct, estimated
    std::uint64_t addresses = 0;  ///< local addresses that it touched, distinct, estimated
    std::uint64_t packets = 0;
    std::uint64_t first_seen_ns = 0;  ///< CLOCK_MONOTONIC, by the second or so
    std::uint64_t last_seen_ns = 0;
    std::uint8_t protocols = 0;  ///< bits by Proto
    std::uint8_t tcp_flags = 0;
    ScanKind kind = ScanKind::ports;

    friend bool operator==(const Scan&, const Scan&) = default;
};

/// What two readings of a slot agree about. The data path may give a slot to another source in the middle of a reading,
/// which then shows the newcomer beside its predecessor's bits; bits of one tenure only grow, so what both readings
/// have is surely the source's. false: they show two sources, or two tenures.
bool settle(ScanSlot& first, const ScanSlot& second);

/// One row for each source, whatever CPUs saw it; by endpoints, then packets (most first), then source.
std::vector<Scan> merge_scans(std::span<const ScanSlot> slots);

struct ScanSelection {
    std::uint64_t min_endpoints = 5;
    std::uint64_t since_ns = 0;  ///< last seen then or later
    std::size_t top = SIZE_MAX;
};
/// Keeps the order.
std::vector<Scan> select_scans(std::vector<Scan> scans, const ScanSelection& selection);

}  // namespace xdemux
