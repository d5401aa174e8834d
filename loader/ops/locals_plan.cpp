// SPDX-License-Identifier: BSD-2-Clause
// Which destinations are local, and which of them stand in the one cache line: pure.
#include <algorithm>
#include <vector>

#include <xdemux/kernel/encode.h>
#include <xdemux/ops/locals.h>

namespace xdemux {
namespace {

constexpr std::array<std::uint8_t, 4> ipv4_loopback{127, 0, 0, 1};
constexpr Address::Bytes ipv6_loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

Address loopback(Family family) {
    return family == Family::ipv4 ? Address::ipv4(ipv4_loopback) : Address::ipv6(ipv6_loopback);
}

constexpr std::size_t hot_places(Family family) {
    return family == Family::ipv4 ? contract::LOCAL_HOT_IPV4 : contract::LOCAL_HOT_IPV6;
}

/// Packets to a loopback address come in by the loopback device alone.
bool counts(const Prefix& prefix, const LocalFacts& facts) {
    return facts.loopback_attached || !prefix.address.is_loopback();
}

/// Single addresses of a family: those of attached interfaces first, then the others, then what listeners name.
std::vector<Address> hot_candidates(const LocalFacts& facts, Family family) {
    std::vector<Address> addresses;
    const auto add = [&](const Prefix& prefix) {
        if (prefix.address.family() != family || prefix.length != address_bits(family) || !counts(prefix, facts))
            return;
        if (std::find(addresses.begin(), addresses.end(), prefix.address) == addresses.end())
            addresses.push_back(prefix.address);
    };
    for (const bool attached : {true, false}) {
        for (const auto& route : facts.routes) {
            if (facts.attached.contains(route.ifindex) == attached && addresses.size() < hot_places(family))
                add(route.prefix);
        }
    }
    for (const auto& prefix : facts.named) {
        if (addresses.size() < hot_places(family)) add(prefix);
    }
    return addresses;
}

bool stands_in(const std::vector<Address>& hot, const Prefix& prefix) {
    return prefix.length == address_bits(prefix.address.family()) &&
           std::find(hot.begin(), hot.end(), prefix.address) != hot.end();
}

void fill_family(const LocalFacts& facts, Family family, LocalTables& tables) {
    auto addresses = hot_candidates(facts, family);
    const bool more = std::any_of(tables.routes.begin(), tables.routes.end(), [&](const auto& entry) {
        const Prefix& prefix = entry.first;
        return prefix.address.family() == family && counts(prefix, facts) && !stands_in(addresses, prefix);
    });
    tables.hot.more[encode(family)] = more ? 1 : 0;
    addresses.resize(hot_places(family), addresses.empty() ? loopback(family) : addresses.front());
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        __u8* place = family == Family::ipv4 ? tables.hot.ipv4[i] : tables.hot.ipv6[i];
        std::copy_n(addresses[i].bytes().begin(), address_bits(family) / 8, place);
    }
}

}  // namespace

LocalTables plan_locals(const LocalFacts& facts) {
    LocalTables tables;
    for (const auto& prefix : facts.named)
        tables.routes[prefix] = contract::LOCAL_BY_LISTENER;
    for (const auto& route : facts.routes)
        tables.routes[route.prefix] = contract::LOCAL_BY_ROUTE;
    fill_family(facts, Family::ipv4, tables);
    fill_family(facts, Family::ipv6, tables);
    return tables;
}

std::set<Prefix> named_prefixes(const ListenerSet& listeners) {
    std::set<Prefix> named;
    for (const auto& [id, listener] : listeners.listeners()) {
        if (listener.local.form != LocalForm::wildcard) named.insert(listener.local.prefix);
    }
    return named;
}

}  // namespace xdemux
