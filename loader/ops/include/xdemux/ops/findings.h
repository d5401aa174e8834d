// SPDX-License-Identifier: BSD-2-Clause
// What the facts about a host mean for us: each finding says what is, why it matters, and the command that mends it.
// Pure: facts in, findings out. Who collects the facts is host_facts.h; who acts on findings are doctor.h and
// safeguard.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/ops/host_facts.h>
#include <xdemux/ops/targets.h>
#include <xdemux/policy/listener_set.h>

namespace xdemux {

enum class Severity : std::uint8_t {
    ok,
    note,     ///< good to know
    warning,  ///< it works, but worse than it could
    blocker,  ///< it does not work, or would cut off live traffic once closed ports are dropped
};
/// "ok", "note", "warning", "blocker".
std::string_view severity_name(Severity severity);

enum class FindingGroup : std::uint8_t {
    kernel,
    interface,  ///< the object is its name
    traffic,    ///< what host mode's socket look-up does not see, and what the ports are used for
    target,     ///< the object is its text
};
/// "kernel", "interface", "traffic", "target".
std::string_view finding_group_name(FindingGroup group);

struct Finding {
    Severity severity = Severity::ok;
    FindingGroup group = FindingGroup::kernel;
    std::string id;                       ///< stable, snake_case
    std::string object;                   ///< "kernel", "eth0", "udp *:68"
    std::string what;                     ///< lower case, no full stop
    std::string why{};                    ///< why it matters; empty where all is well
    std::optional<std::string> remedy{};  ///< a command for a shell
    /// In enforce mode with closed ports dropped or rejected, live traffic would be cut off.
    bool cuts_off = false;
};

std::vector<Finding> judge_kernel(const KernelFacts& facts);
std::vector<Finding> judge_device(const DeviceFacts& facts);

/// What is, or is planned to be, in force when the traffic is judged.
struct TrafficRules {
    const ListenerSet& listeners;
    bool host = true;  ///< the kernel's socket look-up is asked
};
/// Who would lose packets that no listener and, in host mode, no socket in sight waits for.
std::vector<Finding> judge_traffic(const TrafficFacts& facts, const TrafficRules& rules);

/// Listeners, the host's sockets and ours, on ports that the kernel may hand to outgoing connections.
std::vector<Finding> judge_ephemeral(const TrafficFacts& facts, const ListenerSet& listeners);

/// Whether the kernel's look-up of sockets comes to ask for the listeners that lead to sockets.
std::vector<Finding> judge_sockets(const SocketFacts& facts, const ListenerSet& listeners);

/// Targets that cannot act right now.
std::vector<Finding> judge_targets(std::span<const TargetRow> rows);

}  // namespace xdemux
