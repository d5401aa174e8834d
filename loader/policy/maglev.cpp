// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <limits>
#include <tuple>

#include <xdemux/policy/maglev.h>
#include <xdemux/policy/siphash.h>

namespace xdemux {
namespace {

// Fixed, so that a group is the same table on every host and after every restart. Nothing is hidden by it: who could
// choose members' names could choose their weights, and the packets' hash has a key of its own.
constexpr SipKey identity_key{0x6d61676c65762d31, 0x70656c616365732e};

constexpr std::uint16_t nobody = std::numeric_limits<std::uint16_t>::max();

/// One member's turns: where it goes next, and when.
class Turns {
  public:
    Turns(const MaglevMember& member, std::uint16_t index)
        : weight_(member.weight), identity_(member.identity), index_(index) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(identity_.data());
        hash_ = siphash(identity_key, {bytes, identity_.size()});
        KeyedRandom random({hash_, identity_key.high});
        factor_ = 1 + random.below(maglev_places - 1);
        shift_ = random.below(maglev_places);
        next_ = random.below(maglev_places);
        set_time();
    }

    void take(MaglevTable& table) {
        std::uint32_t place = next_place();
        while (table[place] != nobody)
            place = next_place();
        table[place] = index_;
        ++taken_;
        set_time();
    }

    /// Of two turns at the same time one has to be first, whatever the order of the members.
    [[nodiscard]] bool is_after(const Turns& other) const {
        if (time_ != other.time_) return time_ > other.time_;
        return std::tie(hash_, identity_) > std::tie(other.hash_, other.identity_);
    }

  private:
    // Cubes are a permutation modulo 65537, since 3 does not divide 65536. The paper's steps of equal length now and
    // then make two members run into each other all the way, and then more flows move than should.
    std::uint32_t next_place() {
        const std::uint64_t root = next_;
        next_ = next_ + 1 == maglev_places ? 0 : next_ + 1;
        const std::uint64_t cube = root * root % maglev_places * root % maglev_places;
        return static_cast<std::uint32_t>((factor_ * cube + shift_) % maglev_places);
    }

    // A quotient of integers of 17 and 16 bits: a double tells any two of them apart, and rounds equal ones alike.
    void set_time() { time_ = (taken_ + 0.5) / weight_; }

    double time_ = 0;
    std::uint32_t taken_ = 0;
    std::uint32_t weight_;
    std::uint32_t factor_ = 0;
    std::uint32_t shift_ = 0;
    std::uint32_t next_ = 0;
    std::uint64_t hash_ = 0;
    std::string_view identity_;
    std::uint16_t index_;
};

bool comes_later(const Turns& a, const Turns& b) {
    return a.is_after(b);
}

}  // namespace

MaglevTable maglev_table(std::span<const MaglevMember> members) {
    assert(members.size() < nobody);
    std::vector<Turns> turns;  // a heap, the next one in front
    for (std::size_t index = 0; index < members.size(); ++index) {
        assert(members[index].weight <= max_maglev_weight);
        if (members[index].weight != 0) turns.emplace_back(members[index], static_cast<std::uint16_t>(index));
    }
    if (turns.empty()) return {};
    std::ranges::make_heap(turns, comes_later);
    MaglevTable table(maglev_places, nobody);
    for (std::uint32_t taken = 0; taken < maglev_places; ++taken) {
        std::ranges::pop_heap(turns, comes_later);
        turns.back().take(table);
        std::ranges::push_heap(turns, comes_later);
    }
    return table;
}

}  // namespace xdemux
