// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>

#include <fmt/format.h>

#include <xdemux/policy/port_algorithm.h>

namespace xdemux {
namespace {

constexpr std::array<PortAlgorithmInfo, 7> algorithms = {{
    {PortAlgorithm::simple_random, "simple-random", "Simple Port Randomization", 1, true},
    {PortAlgorithm::another_random, "another-random", "Another Simple Port Randomization", 2, true},
    {PortAlgorithm::simple_hash, "simple-hash", "Simple Hash-Based Port Selection", 3, true},
    {PortAlgorithm::double_hash, "double-hash", "Double-Hash Port Selection", 4, true},
    {PortAlgorithm::random_increments, "random-increments", "Random-Increments Port Selection", 5, true},
    {PortAlgorithm::sequential, "sequential", "Sequential", 0, false},
    {PortAlgorithm::permutation, "permutation", "Keyed Random Permutation", 0, true},
}};

/// What each key is for, so that none tells of another.
enum class Use : std::uint64_t { random = 1, offsets, indices, starts, permutations };

SipKey key_of(const SipKey& secret, Use use) {
    return derive_key(secret, static_cast<std::uint64_t>(use));
}

}  // namespace

std::span<const PortAlgorithmInfo> port_algorithms() {
    return algorithms;
}

const PortAlgorithmInfo& info_of(PortAlgorithm algorithm) {
    const auto* const found = std::ranges::find(algorithms, algorithm, &PortAlgorithmInfo::algorithm);
    assert(found != algorithms.end());
    return *found;
}

Result<PortAlgorithm> parse_port_algorithm(std::string_view text) {
    std::string names;
    for (const PortAlgorithmInfo& info : algorithms) {
        if (text == info.name || (info.number != 0 && text == fmt::to_string(info.number))) return info.algorithm;
        names += fmt::format("{}{}", names.empty() ? "" : ", ", info.name);
    }
    return fail(ErrorKind::usage,
                fmt::format("unknown algorithm \"{}\"; use {}, or 1 to 5 as in RFC 6056", text, names));
}

PortSelector::PortSelector(PortAlgorithm algorithm, const SipKey& secret, std::uint32_t step)
    : algorithm_(algorithm),
      step_(step),
      random_(key_of(secret, Use::random)),
      offsets_(key_of(secret, Use::offsets)),
      indices_(key_of(secret, Use::indices)),
      starts_(key_of(secret, Use::starts)),
      permutations_(key_of(secret, Use::permutations)),
      next_ephemeral_(static_cast<std::uint32_t>(siphash(starts_, counters))) {
    if (algorithm == PortAlgorithm::double_hash) table_ = std::make_unique<Table>();
}

PortSelector::Offers::Offers(PortSelector& selector, std::uint64_t destination, std::uint32_t count)
    : selector_(selector), count_(count), counter_(&selector.next_ephemeral_) {
    assert(count >= 1 && selector.algorithm_ != PortAlgorithm::permutation);
    const bool hashed =
        selector.algorithm_ == PortAlgorithm::simple_hash || selector.algorithm_ == PortAlgorithm::double_hash;
    if (selector.algorithm_ == PortAlgorithm::simple_random) offset_ = scale(selector.random(), count);
    if (hashed) offset_ = scale(siphash(selector.offsets_, destination), count);
    if (selector.algorithm_ != PortAlgorithm::double_hash) return;
    const std::uint32_t index = scale(siphash(selector.indices_, destination), counters);
    counter_ = &(*selector.table_)[index];
    // Each counter of the table begins at random, here by adding its start to what it has counted.
    offset_ = (offset_ + scale(siphash(selector.starts_, index), count)) % count;
}

std::optional<std::uint32_t> PortSelector::Offers::next() {
    if (tries_ == count_) return std::nullopt;
    ++tries_;
    switch (selector_.algorithm_) {
        case PortAlgorithm::simple_random:
            return (offset_ + tries_ - 1) % count_;
        case PortAlgorithm::another_random:
            return scale(selector_.random(), count_);
        case PortAlgorithm::random_increments: {
            const std::uint32_t step = scale(selector_.random(), selector_.step_) + 1;
            return (counter_->fetch_add(step, std::memory_order_relaxed) + step) % count_;
        }
        case PortAlgorithm::simple_hash:
        case PortAlgorithm::double_hash:
        case PortAlgorithm::sequential:
        case PortAlgorithm::permutation:
            break;
    }
    // The sum may be past 2^32 before it is taken modulo `count`.
    const std::uint64_t counted = counter_->fetch_add(1, std::memory_order_relaxed);
    return static_cast<std::uint32_t>((counted + offset_) % count_);
}

}  // namespace xdemux
