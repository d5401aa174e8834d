// SPDX-License-Identifier: BSD-2-Clause
// In which order ephemeral ports are tried: the algorithms of RFC 6056, section 3.3, one that is not safe, and a keyed
// permutation. It knows no port and no host: it deals in places, 0 to count - 1, and whether one is free others know.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/policy/siphash.h>

namespace xdemux {

enum class PortAlgorithm : std::uint8_t {
    simple_random,      ///< RFC 6056, algorithm 1: a random start, then one by one
    another_random,     ///< 2: each try at random; may miss the last free ports
    simple_hash,        ///< 3: one counter for all, from an offset that depends on the destination
    double_hash,        ///< 4: many counters, chosen by the destination; what Linux does
    random_increments,  ///< 5: one counter in random steps
    sequential,         ///< one by one for all destinations: anyone can tell the next
    permutation,        ///< a keyed permutation for each destination, over a bitmap of what is taken
};

struct PortAlgorithmInfo {
    PortAlgorithm algorithm;
    std::string_view name;   ///< "double-hash": as commands take it
    std::string_view title;  ///< as the RFC calls it
    std::uint8_t number;     ///< in RFC 6056; 0: not there
    bool safe;               ///< who does not see the ports cannot tell the next
};
std::span<const PortAlgorithmInfo> port_algorithms();
const PortAlgorithmInfo& info_of(PortAlgorithm algorithm);
/// A name, or the number in the RFC. ErrorKind::usage, with the list.
Result<PortAlgorithm> parse_port_algorithm(std::string_view text);

/// What an algorithm keeps between selections. Safe to be used by many threads at once: two may be offered the same
/// place, of which one gets it.
class PortSelector {
  public:
    /// RFC 6056, section 3.3.5: how far a step of random_increments goes at most.
    static constexpr std::uint32_t default_step = 500;

    PortSelector(PortAlgorithm algorithm, const SipKey& secret, std::uint32_t step = default_step);

    /// The places that one selection tries, one after the other; as many as there are places at most.
    class Offers {
      public:
        /// None: the algorithm gives up.
        std::optional<std::uint32_t> next();
        /// How many there were so far.
        [[nodiscard]] std::uint32_t tries() const { return tries_; }

      private:
        friend class PortSelector;
        Offers(PortSelector& selector, std::uint64_t destination, std::uint32_t count);

        PortSelector& selector_;
        std::uint32_t count_;
        std::uint32_t tries_ = 0;
        std::uint32_t offset_ = 0;
        std::atomic<std::uint32_t>* counter_ = nullptr;
    };

    /// `destination` identifies where the connection goes and from which address (RFC 6056's local and remote address
    /// and remote port); `count` is 1 to 65536. Not for `permutation`, which needs to know what is taken.
    Offers offers(std::uint64_t destination, std::uint32_t count) { return {*this, destination, count}; }

    [[nodiscard]] PortAlgorithm algorithm() const { return algorithm_; }
    /// Of the permutation for one destination.
    [[nodiscard]] SipKey key_for(std::uint64_t destination) const {
        return {siphash(permutations_, destination), permutations_.high};
    }
    std::uint64_t random() { return siphash(random_, drawn_.fetch_add(1, std::memory_order_relaxed)); }

  private:
    /// RFC 6056, section 3.3.4: the more counters, the fewer destinations share one.
    static constexpr std::uint32_t counters = 4096;
    using Table = std::array<std::atomic<std::uint32_t>, counters>;

    PortAlgorithm algorithm_;
    std::uint32_t step_;
    SipKey random_, offsets_, indices_, starts_, permutations_;
    std::atomic<std::uint64_t> drawn_{0};
    std::atomic<std::uint32_t> next_ephemeral_;
    std::unique_ptr<Table> table_;  ///< of double_hash: how far each counter is from its start
};

}  // namespace xdemux
