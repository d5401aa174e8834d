// SPDX-License-Identifier: BSD-2-Clause
// Who has leased what, for those who change flows and listeners: a lease is its owner's until that gives it back. It
// changes nothing. Private to this box.
#pragma once

#include <span>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/kernel/flow_store.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/address.h>
#include <xdemux/policy/listener.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

bool is_lease(const FlowFacts& facts);

/// ErrorKind::in_use: "WHAT: it is leased to "crawler"; release it"
Error leased(const Instance& instance, const std::string& what, const FlowFacts& facts);

/// Whether the listener holds ports of that protocol and address. One on all ports was not meant for any of them, and
/// flows, which leases are, come before it.
bool holds_ports(const Listener& listener, Proto proto, const Address& local);

/// ErrorKind::in_use, naming the lease, where a port of one of these listeners is leased, by itself or in a block.
Status check_leased_ports(const Instance& instance, std::span<const Listener> listeners);

}  // namespace xdemux
