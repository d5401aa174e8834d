// SPDX-License-Identifier: BSD-2-Clause
// The ports that one local address has for outgoing connections of one protocol, and which of them are taken towards
// each destination. It is an accelerator: the truth is where the caller claims a port, across processes; what is taken
// there by others is learnt by asking. It knows neither kernel nor clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/port_algorithm.h>
#include <xdemux/policy/port_book.h>
#include <xdemux/policy/port_permutation.h>

namespace xdemux {

/// What a selection came to.
struct PortChoice {
    std::optional<std::uint16_t> port;  ///< none: all are taken, or the algorithm gave up
    std::uint32_t tries = 0;            ///< ports looked at, the one that it got among them
};

/// Safe to be used by many threads at once; destinations are apart from each other, so most of them do not wait.
class EphemeralPool {
  public:
    /// Claims a port where the truth is. False: another holds it. An error ends the selection.
    using Claim = std::function<Result<bool>(std::uint16_t port)>;

    /// `ports` are those that may be handed out, ascending, at least one; `source` is a key of this pool's own, which
    /// stands for its protocol and local address. Pools may share a selector, and their ports.
    EphemeralPool(std::shared_ptr<const std::vector<std::uint16_t>> ports, std::shared_ptr<PortSelector> selector,
                  const SipKey& source);

    /// How many ports there are for each destination.
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(ports_->size()); }

    /// Selects a port and claims it. With `permutation` it finds one as long as one is free, and none comes again
    /// towards a destination before all others had their turn, while the pool remembers the destination.
    Result<PortChoice> allocate(const SocketAddress& remote, const Claim& claim);
    /// Notes that a port is free again; whether it was known as taken.
    bool release(const SocketAddress& remote, std::uint16_t port);
    /// Forgets what it knows of a destination, so that the truth is asked for each port again.
    void forget(const SocketAddress& remote);
    /// Notes that a port is taken, as found where the truth is; whether it was free and is of this pool.
    bool adopt(const SocketAddress& remote, std::uint16_t port);

    /// How many ports are taken towards a destination.
    [[nodiscard]] std::uint32_t taken(const SocketAddress& remote) const;
    /// What it has allocated, as far as it can tell.
    [[nodiscard]] std::size_t bytes() const;

  private:
    /// A destination is known by its hash alone. Two of a million that share one, which happens once in 30 million
    /// times, would share a book: each then finds fewer ports free, and none that is taken.
    struct Hashed {
        std::size_t operator()(std::uint64_t hash) const noexcept { return hash; }
    };
    struct Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::uint64_t, PortBook, Hashed> books;
        std::size_t idle = 0;  ///< books with nothing taken, kept for their cursors
    };
    static constexpr std::size_t shard_count = 16;
    static constexpr std::size_t idle_limit = 4096;  ///< per shard

    [[nodiscard]] std::uint64_t hash(const SocketAddress& remote) const;
    [[nodiscard]] Shard& shard_of(std::uint64_t hash) const { return (*shards_)[hash >> 60U]; }
    [[nodiscard]] bool permutes() const { return selector_->algorithm() == PortAlgorithm::permutation; }
    [[nodiscard]] std::optional<std::uint32_t> place_of(std::uint64_t hash, std::uint16_t port) const;
    PortBook& book_of(Shard& shard, std::uint64_t hash);
    void settle(Shard& shard, std::uint64_t hash);
    Result<PortChoice> by_offers(PortBook& book, std::uint64_t hash, const Claim& claim);
    Result<PortChoice> by_permutation(PortBook& book, std::uint64_t hash, const Claim& claim);

    std::shared_ptr<const std::vector<std::uint16_t>> ports_;
    std::shared_ptr<PortSelector> selector_;
    SipKey source_;
    PortPermutation order_;
    std::unique_ptr<std::array<Shard, shard_count>> shards_;
};

}  // namespace xdemux
