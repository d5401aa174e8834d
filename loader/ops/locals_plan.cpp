// SPDX-License-Identifier: BSD-2-Clause
// Which destinations are local, which of them stand in the one cache line, and which Ethernet addresses are this
// host's: pure.
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

/// A name within a local route is one of the host's own addresses: the longest prefix is what the data path finds.
void fill_routes(const LocalFacts& facts, LocalTables& tables) {
    std::set<std::uint8_t> lengths;
    for (const auto& route : facts.routes) {
        tables.routes[route.prefix] = contract::LOCAL_BY_ROUTE;
        lengths.insert(route.prefix.length);
    }
    std::map<Prefix, contract::local_source> names;
    for (const auto& prefix : facts.named) {
        const bool routed = std::any_of(lengths.begin(), lengths.end(), [&](std::uint8_t length) {
            return length <= prefix.length && tables.routes.contains(Prefix::of(prefix.address, length));
        });
        names[prefix] = routed ? contract::LOCAL_BY_ROUTE : contract::LOCAL_BY_LISTENER;
    }
    tables.routes.merge(names);
}

/// Loopback frames are sent to the address of all zeros; another device's zeros say that it has none.
bool has_address(const Interface& interface) {
    return interface.loopback || interface.mac != MacAddress{};
}

/// Where packets that a program sees come in: at the device to which it is attached, and at the ports of that one,
/// since a bond hands its program on to them. Where nothing is attached, packets that are only asked about come in by
/// loopback, as in BPF_PROG_TEST_RUN.
std::set<std::uint32_t> ingress_devices(const LocalFacts& facts) {
    std::set<std::uint32_t> found = facts.attached;
    if (found.empty()) {
        for (const Interface& each : facts.interfaces)
            if (each.loopback) found.insert(each.ifindex);
    }
    for (std::size_t before = 0; before != found.size();) {
        before = found.size();
        for (const Interface& each : facts.interfaces)
            if (each.master != 0 && found.contains(each.master)) found.insert(each.ifindex);
    }
    return found;
}

/// A bridge, VLAN or macvlan above may have an address of its own, at which the host is to be reached too.
void fill_links(const LocalFacts& facts, LocalTables& tables) {
    const auto ingress = ingress_devices(facts);
    for (const Interface& device : facts.interfaces) {
        if (!ingress.contains(device.ifindex)) continue;
        const auto above = devices_above(facts.interfaces, device.ifindex);
        const auto source = above.empty() ? contract::LOCAL_BY_LINK : contract::LOCAL_BY_STACKED_LINK;
        if (has_address(device)) tables.links[{device.ifindex, device.mac}] = source;
        for (const Interface& each : above)
            if (has_address(each)) tables.links[{device.ifindex, each.mac}] = source;
    }
}

}  // namespace

LocalTables plan_locals(const LocalFacts& facts) {
    LocalTables tables;
    fill_routes(facts, tables);
    fill_links(facts, tables);
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
