// SPDX-License-Identifier: BSD-2-Clause
// Brings the tables of local destinations up to date with the kernel's routes, with what listeners name and with the
// devices' Ethernet addresses. It reads the namespace and writes local_hot and local_routes alone.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/listener_set.h>

namespace xdemux {

/// What the two tables should hold.
struct LocalTables {
    contract::local_hot hot{};
    std::map<Prefix, contract::local_source> routes;
    std::map<LocalLink, contract::local_source> links;  ///< to whom frames are sent that are for this host
};

/// Which devices are attached decides what stands first in local_hot, whether the loopback addresses count, and where
/// Ethernet addresses are asked for.
struct LocalFacts {
    std::span<const LocalRoute> routes;
    std::set<std::uint32_t> attached;  ///< ifindexes
    bool loopback_attached = false;
    std::set<Prefix> named;                   ///< addresses and prefixes of listeners
    std::span<const Interface> interfaces{};  ///< of the namespace
};

/// Pure.
LocalTables plan_locals(const LocalFacts& facts);

/// The addresses and prefixes that the listeners of the set name.
std::set<Prefix> named_prefixes(const ListenerSet& listeners);

/// Adds before it removes. The instance must be writable(). ErrorKind::full naming the table.
Status refresh_locals(Instance& instance);
/// As above, for the listeners that name `named`: before a change of listeners is seen, and after.
Status refresh_locals(Instance& instance, const std::set<Prefix>& named);

/// Takes the Ethernet addresses out, of which tools of contract version 5 and before do not know.
Status forget_links(const Tables& tables);

/// For commands that only read: refreshes where the instance is not being changed by another and the caller may;
/// otherwise does nothing.
void refresh_locals_if_possible(std::string_view instance);

}  // namespace xdemux
