// SPDX-License-Identifier: BSD-2-Clause
// What writers did to a table, store by store, and what a look-up beside them could have seen of it. A look-up is run
// again and again, until each of its loads has had every value that it could have. Stores become visible in whatever
// order their fences leave open, on x86 in that of the program, which is one of those. The look-up's loads are in
// order.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "watch.h"

namespace xdemux::test {

inline constexpr std::size_t most_stores = 192;
using StoreSet = std::bitset<most_stores>;

struct Store {
    std::size_t offset = 0;  ///< into the memory
    std::size_t size = 0;
    std::uint64_t value = 0;
    StoreSet before;  ///< those that are seen by whoever sees this one

    [[nodiscard]] bool overlaps(std::size_t at, std::size_t bytes) const {
        return offset < at + bytes && at < offset + size;
    }
};

/// Records while it watches.
class Recorder : public Watch {
  public:
    explicit Recorder(std::span<std::byte> memory) : memory_(memory), base_(memory.begin(), memory.end()) {}

    void store(void* at, std::uint64_t value, std::size_t size, watched_order order) override;
    bool swap(void* at, std::uint64_t& expected, std::uint64_t value, std::size_t size) override;
    void fence() override { fenced_ = stores_.size(); }

    [[nodiscard]] const std::vector<Store>& stores() const { return stores_; }
    [[nodiscard]] const std::vector<std::byte>& base() const { return base_; }
    [[nodiscard]] std::span<std::byte> memory() const { return memory_; }

  private:
    void add(const void* at, std::uint64_t value, std::size_t size, std::size_t after);

    std::span<std::byte> memory_;
    std::vector<std::byte> base_;
    std::size_t fenced_ = 0;  ///< stores before the last fence
    std::vector<Store> stores_;
};

/// Runs a look-up on all that it could see.
class Explorer : public Watch {
  public:
    explicit Explorer(const Recorder& recorder);

    /// `look` makes one look-up, whose loads come here, and judges it by seen(). It begins when the first `from`
    /// stores have been made and seen. Returns how many look-ups that were.
    std::uint64_t explore(std::size_t from, const std::function<void()>& look);
    /// What the look-up has seen so far, at least the first `from`.
    [[nodiscard]] const StoreSet& seen() const { return seen_; }

    std::uint64_t load(const void* at, std::size_t size) override;
    void store(void* at, std::uint64_t value, std::size_t size, watched_order order) override;
    bool swap(void* at, std::uint64_t& expected, std::uint64_t value, std::size_t size) override;

  private:
    struct Choice {
        std::size_t made = 0, of = 0;
    };
    /// One that a load could have.
    struct View {
        std::uint64_t value = 0;
        StoreSet seen;  ///< by then
    };
    [[nodiscard]] std::uint64_t value(std::size_t offset, std::size_t size, const StoreSet& seen) const;
    std::size_t choose(std::size_t of);
    bool next();

    const Recorder& recorder_;
    std::vector<std::vector<std::size_t>> by_word_;  ///< stores into each eight bytes
    StoreSet seen_;
    std::vector<View> views_;  ///< of the load under way
    std::vector<Choice> choices_;
    std::size_t chosen_ = 0;
};

}  // namespace xdemux::test
