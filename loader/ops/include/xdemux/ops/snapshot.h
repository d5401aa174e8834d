// SPDX-License-Identifier: BSD-2-Clause
// What an instance holds and has counted, as plain data for a front end to render. It reads; it changes nothing and
// formats nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/kernel/process.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/settings.h>
#include <xdemux/ops/targets.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/flow.h>
#include <xdemux/policy/listener.h>
#include <xdemux/policy/port_range_info.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

struct TrafficCount {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;  ///< frame lengths at XDP

    friend constexpr bool operator==(const TrafficCount&, const TrafficCount&) = default;
};

struct InstanceStatus {
    std::string instance;
    std::optional<std::string> netns;  ///< none: the namespace has no name
    Settings settings;                 ///< in force
    std::optional<PendingConfirm> pending;
    std::vector<AttachedInterface> interfaces;
    std::vector<TargetRow> targets;
    std::uint32_t contract = 0;
    std::uint64_t memory_bytes = 0;
    std::uint32_t flow_capacity = 0;
    std::uint32_t listener_capacity = 0;
    bool shared_port_counters = false;
};
Result<InstanceStatus> read_status(const Instance& instance);

struct ListenerRow {
    Listener listener;
    bool device_gone = false;  ///< it is bound to a device that is no more, so it hears nothing
    TrafficCount traffic;
};
/// By id. A listener's device carries the name that it has now.
Result<std::vector<ListenerRow>> read_listener_rows(const Instance& instance);

enum class EndpointState : std::uint8_t { listen, established, time_wait };
/// "LISTEN", "ESTAB", "TIME-WAIT".
std::string_view endpoint_state_name(EndpointState state);

enum class EndpointSource : std::uint8_t { table, host };
/// "table", "host".
std::string_view endpoint_source_name(EndpointSource source);

/// A row of the port table.
struct Endpoint {
    Proto proto = Proto::tcp;
    EndpointState state = EndpointState::listen;
    LocalEndpoint local;
    bool v6only = false;                  ///< of an IPv6 wildcard: it does not hear IPv4
    std::optional<SocketAddress> remote;  ///< none: any
    std::optional<Target> target;         ///< none: of the host
    std::optional<std::string> dev;       ///< none: any
    std::string name;                     ///< of a listener; may be empty
    Guard guard;                          ///< of a listener
    EndpointSource source = EndpointSource::table;
    std::optional<Process> process;  ///< who holds a host socket, where asked and known
    /// Who gets every packet that it waits for: "listener tcp 0.0.0.0:80", "nginx (4711)"; none: it gets some. Of the
    /// host's sockets as the kernel's look-up has it.
    std::optional<std::string> shadowed_by;
};

struct EndpointQuery {
    std::function<bool(const Endpoint&)> filter{};  ///< none: all
    bool flows = true;
    bool host_sockets = true;
    bool processes = false;  ///< costly: see socket_owners()
};
/// In order of precedence (flows, listeners by sub-step, the host's sockets), then address, then port. Of the host's
/// sockets: those that listen or are bound, established ones (half-open and closing ones too) and TIME-WAIT.
Result<std::vector<Endpoint>> read_endpoints(const Instance& instance, const EndpointQuery& query = {});

struct CounterRow {
    Proto proto = Proto::tcp;
    std::uint16_t port = 0;
    TrafficCount seen;
    TrafficCount dropped;  ///< of them, those really dropped or rejected

    [[nodiscard]] bool zero() const { return seen == TrafficCount{} && dropped == TrafficCount{}; }
};
/// All 2 * 65536, by protocol, then port; those that are zero only with `all`.
Result<std::vector<CounterRow>> read_counters(const Instance& instance, bool all = false);
Result<CounterRow> read_counter(const Instance& instance, Proto proto, std::uint16_t port);

struct ReasonRow {
    contract::reason reason = contract::REASON_UNDECIDED;
    contract::verdict verdict = contract::VERDICT_PASS;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t monitored_packets = 0;  ///< of them, those whose verdict was not carried out, the mode being monitor
};
/// By reason, then verdict; those that are not zero.
Result<std::vector<ReasonRow>> read_reasons(const Instance& instance);
/// "listener_exact", ...: a promise.
std::string_view reason_name(contract::reason reason);
/// "pass", "drop", "reject", "steer".
std::string_view verdict_name(contract::verdict verdict);

struct PortInfo {
    std::uint16_t port = 0;
    IanaRange range = IanaRange::well_known;
    bool privileged = false;                  ///< a process needs CAP_NET_BIND_SERVICE to bind it here
    std::uint32_t first_unprivileged = 1024;  ///< net.ipv4.ip_unprivileged_port_start of the namespace
    std::vector<ListenerRow> listeners;       ///< that cover it, those on all ports too
    std::vector<Endpoint> host_sockets;       ///< that wait on it
    std::vector<CounterRow> counters;         ///< tcp, udp
    std::uint64_t tcp_flows = 0;
    std::uint64_t udp_flows = 0;
};
Result<PortInfo> read_port(const Instance& instance, std::uint16_t port);

}  // namespace xdemux
