// SPDX-License-Identifier: BSD-2-Clause
// No lockout: asks before a change whether it would cut off the connections of whoever makes it, or live traffic that
// the kernel's socket look-up does not see. The judgement is pure; nothing is changed here. A front end that lets its
// user override leaves the safeguard out of its request.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/kernel/operator.h>
#include <xdemux/policy/flow.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/settings.h>

namespace xdemux {

class Instance;
struct Finding;

/// What a change must not cut off.
struct Safeguard {
    std::vector<Connection> operators;  ///< see operator_connections()
};

/// Of whoever runs this process. Fails where it cannot be told whose connections these are.
Result<Safeguard> own_safeguard();

/// The rules and where they are in force, or will be.
struct RulesInForce {
    ListenerSet listeners;
    Settings settings;
    std::set<std::uint32_t> devices;  ///< ifindexes that are attached
    std::map<FlowKey, Target> flows;  ///< those of the operators' connections alone
};

/// An operator's connection, and how its packets reach this host.
struct OperatorPath {
    Connection connection;
    std::set<std::uint32_t> ingress;  ///< ifindexes: the device of the route, and those below it
    bool socket = false;              ///< there is one for it, connected or listening
    std::uint32_t bound = 0;          ///< the device that the socket is bound to; 0 for none
};

/// Which rule would cut the connection, or throttle it: "listener tcp *:22 drops it"; none where it goes on. Pure.
std::optional<std::string> cut_by(const RulesInForce& rules, const OperatorPath& path);

/// In enforce mode with closed ports dropped or rejected.
bool drops_closed(const Settings& settings);

/// What stands now.
Result<RulesInForce> rules_in_force(const Instance& instance, const Safeguard& safeguard);

/// ErrorKind::refused where `after` cuts what `before` does not, naming the connection and the rule. Pure.
Status check_paths(const RulesInForce& before, const RulesInForce& after, std::span<const OperatorPath> paths);
/// The same of the paths that the operators' packets take now, but for connections that are not of this host. Fails too
/// where the kernel does not tell the paths: what is not known must not be taken for safe.
Status check_operators(const RulesInForce& before, const RulesInForce& after, const Safeguard& safeguard);

/// ErrorKind::refused where `after` drops closed ports, `before` does not or not everywhere, and someone waits for
/// packets unseen; names the finding and its remedy. `attaching`: the remedy is given for an instance that begins.
Status check_traffic(const RulesInForce& before, const RulesInForce& after, bool attaching);
/// The refusal, if there is a reason among the findings. Pure.
Status refuse_for(std::span<const Finding> findings, const Settings& wanted, bool attaching);

}  // namespace xdemux
