// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <tuple>

#include <xdemux/policy/scan.h>

namespace xdemux {
namespace {

constexpr int bitmap_bits = 64;
constexpr unsigned time_shift = 30;  // ScanSlot::first_seen
/// A full bitmap would stand for infinitely many: it is taken for one that lacks half a bit.
constexpr double least_clear = 0.5;

/// A bit's state, and the share of the endpoints that bring it about: taken in the coarsest bitmap, in the middle one
/// but not in that, in the finest alone.
struct State {
    double share = 0;
    double bits = 0;
};

using States = std::array<State, 3>;

States states_of(const EndpointBits& bits) {
    const auto count = [](std::uint64_t set) { return static_cast<double>(std::popcount(set)); };
    constexpr double middle = 1.0 / 16;
    constexpr double coarse = 1.0 / 256;
    const double lent = bits[2] == ~std::uint64_t{0} ? least_clear : 0;
    return {{{coarse, count(bits[2]) - lent},
             {middle - coarse, count(bits[1] & ~bits[2]) + lent},
             {1 - middle, count(bits[0] & ~bits[1] & ~bits[2])}}};
}

/// Where endpoints fall on a bit at the rate `rate`, the derivative of the logarithm of the likelihood; it falls with
/// the rate.
double slope(const States& states, double rate) {
    double slope = 0;
    double undecided = bitmap_bits;  // bits that no coarser bitmap has
    for (const State& state : states) {
        undecided -= state.bits;
        if (state.bits > 0) slope += state.bits * state.share / std::expm1(state.share * rate);
        slope -= undecided * state.share;
    }
    return slope;
}

std::uint64_t nanoseconds(std::uint32_t seen) {
    return seen == 0 ? 0 : std::uint64_t{seen - 1U} << time_shift;
}

ScanKind classify(const Scan& scan, std::uint64_t address_bits) {
    if (scan.addresses <= 1) return ScanKind::ports;
    // Both numbers are estimates, and past some 300 addresses theirs stands still.
    const bool one_each = 2 * scan.endpoints <= 3 * scan.addresses;
    return one_each || address_bits == ~std::uint64_t{0} ? ScanKind::addresses : ScanKind::mixed;
}

Scan scan_of(const ScanSlot& slot) {
    Scan scan;
    scan.source = slot.source;
    scan.endpoints = static_cast<std::uint64_t>(std::llround(estimate_endpoints(slot.endpoints)));
    scan.addresses = static_cast<std::uint64_t>(std::llround(estimate_addresses(slot.addresses)));
    scan.packets = slot.packets;
    scan.first_seen_ns = nanoseconds(slot.first_seen);
    scan.last_seen_ns = nanoseconds(slot.last_seen);
    scan.protocols = slot.protocols;
    scan.tcp_flags = slot.tcp_flags;
    scan.kind = classify(scan, slot.addresses);
    return scan;
}

void add(ScanSlot& sum, const ScanSlot& slot) {
    sum.first_seen = std::min(sum.first_seen, slot.first_seen);
    sum.last_seen = std::max(sum.last_seen, slot.last_seen);
    sum.packets += slot.packets;
    sum.protocols |= slot.protocols;
    sum.tcp_flags |= slot.tcp_flags;
    for (std::size_t i = 0; i < sum.endpoints.size(); ++i)
        sum.endpoints[i] |= slot.endpoints[i];
    sum.addresses |= slot.addresses;
}

}  // namespace

double estimate_endpoints(const EndpointBits& bits) {
    if (bits == EndpointBits{}) return 0;
    const States states = states_of(bits);
    double low = 0;
    double high = 1 << 17;  // endpoints on a bit; far beyond what full bitmaps come to
    constexpr int halvings = 60;
    for (int i = 0; i < halvings; ++i) {
        const double middle = (low + high) / 2;
        (slope(states, middle) > 0 ? low : high) = middle;
    }
    return low * bitmap_bits;
}

double estimate_addresses(std::uint64_t bits) {
    const double clear = std::max(least_clear, static_cast<double>(bitmap_bits - std::popcount(bits)));
    return bitmap_bits * std::log(bitmap_bits / clear);
}

std::string_view scan_kind_name(ScanKind kind) {
    switch (kind) {
        case ScanKind::ports:
            return "ports";
        case ScanKind::addresses:
            return "addresses";
        case ScanKind::mixed:
            break;
    }
    return "mixed";
}

bool settle(ScanSlot& first, const ScanSlot& second) {
    if (first.source != second.source || first.first_seen != second.first_seen || first.packets > second.packets)
        return false;
    first.protocols &= second.protocols;
    first.tcp_flags &= second.tcp_flags;
    for (std::size_t i = 0; i < first.endpoints.size(); ++i)
        first.endpoints[i] &= second.endpoints[i];
    first.addresses &= second.addresses;
    return true;
}

std::vector<Scan> merge_scans(std::span<const ScanSlot> slots) {
    std::map<Address, ScanSlot> sources;
    for (const ScanSlot& slot : slots) {
        const auto [entry, fresh] = sources.emplace(slot.source, slot);
        if (!fresh) add(entry->second, slot);
    }
    std::vector<Scan> scans;
    scans.reserve(sources.size());
    for (const auto& [source, slot] : sources)
        scans.push_back(scan_of(slot));
    std::stable_sort(scans.begin(), scans.end(), [](const Scan& a, const Scan& b) {
        return std::tie(a.endpoints, a.packets) > std::tie(b.endpoints, b.packets);
    });
    return scans;
}

std::vector<Scan> select_scans(std::vector<Scan> scans, const ScanSelection& selection) {
    std::erase_if(scans, [&](const Scan& scan) {
        return scan.endpoints < selection.min_endpoints || scan.last_seen_ns < selection.since_ns;
    });
    if (scans.size() > selection.top) scans.resize(selection.top);
    return scans;
}

}  // namespace xdemux
