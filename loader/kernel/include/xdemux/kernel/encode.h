// SPDX-License-Identifier: BSD-2-Clause
// Between the policy's values and the contract's layouts, both ways. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/flow_store.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/policy/flow.h>
#include <xdemux/policy/guard.h>
#include <xdemux/policy/listener.h>
#include <xdemux/policy/listener_tables.h>
#include <xdemux/policy/settings.h>
#include <xdemux/policy/target_table.h>

namespace xdemux {

contract::family encode(Family family);
/// The address of that family in the first bytes.
Address decode_address(contract::family family, const __u8 (&bytes)[16]);

contract::target_kind encode(TargetKind kind);
/// Of no more than TARGET_STEER in the tables' entries. ErrorKind::failed for a number that this version does not know.
Result<TargetKind> decode_target(std::uint32_t kind);

/// A row of map targets; not of one that is_simple().
contract::target encode(const Target& target);
/// None where the row is free.
Result<std::optional<Target>> decode(const contract::target& target);

contract::rules encode(const Settings& settings);
Settings decode(const contract::rules& rules);

/// `target` is the number of its target.
contract::listener encode(const Listener& listener, std::uint32_t target, contract::listener_state state);
/// Without its guard, which stands in tables of its own. ErrorKind::failed where it makes no sense.
Result<Listener> decode(std::uint32_t id, const contract::listener& listener, const TargetTable& targets);

/// `serial` is left at 0: it is given out by others.
contract::guard encode(const Guard& guard);
std::optional<Rate> decode_rate(const contract::guard& guard);
contract::guard_source encode_source(std::uint32_t listener, const Prefix& source);
Prefix decode(const contract::guard_source& source);

contract::listen_addr encode(const ExactKey& key);
ExactKey decode(const contract::listen_addr& key);
contract::listen_prefix encode(const PrefixKey& key);
PrefixKey decode(const contract::listen_prefix& key);
contract::listen_entry encode(const Answer& answer, std::uint8_t prefix_len);
Answer decode(const contract::listen_entry& entry);

/// Index into port_slots and the port counters.
constexpr std::uint32_t port_index(Proto proto, std::uint16_t port) {
    return static_cast<std::uint32_t>(proto) << 16U | port;
}
/// `flows` is left at 0: it is counted by others.
contract::port_slot encode(const Slot& slot);
Slot decode(const contract::port_slot& slot);

contract::flow_key encode(const FlowKey& key);
FlowKey decode(const contract::flow_key& key);
/// ErrorKind::failed where it makes no sense.
Result<Flow> decode(const contract::flow_key& key, const FlowFacts& facts, const TargetTable& targets);

contract::local_route encode_local(const Prefix& prefix);
contract::local_route encode_local(const LocalLink& link);

}  // namespace xdemux
