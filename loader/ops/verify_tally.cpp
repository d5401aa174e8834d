// SPDX-License-Identifier: BSD-2-Clause
#include "verify_tally.h"

#include <xdemux/ops/snapshot.h>

namespace xdemux {
namespace {

void add_one(VerifyCount& count, Compared compared) {
    ++count.packets;
    switch (compared) {
        case Compared::agreed:
            ++count.agreed;
            break;
        case Compared::not_compared:
            ++count.not_compared;
            break;
        case Compared::mismatched:
            ++count.mismatched;
            break;
    }
}

void add_count(VerifyCount& to, const VerifyCount& from) {
    to.packets += from.packets;
    to.agreed += from.agreed;
    to.not_compared += from.not_compared;
    to.mismatched += from.mismatched;
}

template <std::size_t Size>
void add_counts(std::array<VerifyCount, Size>& to, const std::array<VerifyCount, Size>& from) {
    for (std::size_t i = 0; i < Size; ++i)
        add_count(to[i], from[i]);
}

/// `name` gives the name of the class with that number.
template <std::size_t Size, typename Name>
void list(std::vector<VerifyClass>& classes, std::string_view group, const std::array<VerifyCount, Size>& counts,
          Name name) {
    for (std::size_t i = 0; i < Size; ++i) {
        if (counts[i].packets != 0) classes.push_back({group, std::string(name(i)), counts[i]});
    }
}

}  // namespace

void VerifyTally::add(const DrawnPacket& packet, contract::reason reason, Compared compared) {
    const PacketSpec& spec = packet.spec;
    add_one(total_, compared);
    add_one(by_drawn_.at(static_cast<std::size_t>(packet.drawn)), compared);
    add_one(by_family_.at(static_cast<std::size_t>(spec.destination.address.family())), compared);
    add_one(by_reason_.at(reason), compared);
    if (spec.proto == Proto::tcp && spec.part != PacketPart::later_fragment)
        add_one(by_flags_.at(spec.tcp_flags), compared);
}

void VerifyTally::add(const VerifyTally& other) {
    add_count(total_, other.total_);
    add_counts(by_drawn_, other.by_drawn_);
    add_counts(by_family_, other.by_family_);
    add_counts(by_flags_, other.by_flags_);
    add_counts(by_reason_, other.by_reason_);
}

std::vector<VerifyClass> VerifyTally::classes() const {
    std::vector<VerifyClass> classes;
    list(classes, "drawn", by_drawn_, [](std::size_t i) { return drawn_name(static_cast<Drawn>(i)); });
    list(classes, "family", by_family_, [](std::size_t i) { return i == 0 ? "ipv4" : "ipv6"; });
    list(classes, "flags", by_flags_, [](std::size_t i) { return tcp_flags_text(static_cast<std::uint8_t>(i)); });
    list(classes, "reason", by_reason_, [](std::size_t i) { return reason_name(static_cast<contract::reason>(i)); });
    return classes;
}

}  // namespace xdemux
