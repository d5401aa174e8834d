// SPDX-License-Identifier: BSD-2-Clause
// The words for the contract's numbers: a promise to whoever reads our output.
#include <array>

#include <xdemux/ops/snapshot.h>

namespace xdemux {
namespace {

constexpr std::array<std::string_view, contract::REASON_COUNT> reason_names{
    "undecided",       "flow",           "listener_exact", "listener_prefix", "listener_wildcard", "listener_all_ports",
    "host_socket",     "closed",         "port_zero",      "source_denied",   "rate_limited",      "source_blocked",
    "target_fallback", "icmp_error",     "icmp_other",     "fragment",        "fragment_orphan",   "not_local",
    "multicast",       "other_protocol", "not_ip",         "bad_ethernet",    "bad_vlan",          "bad_ipv4",
    "bad_ipv6",        "bad_extension",  "bad_tcp",        "bad_udp",         "bad_icmp",
};
constexpr std::array<std::string_view, contract::VERDICT_COUNT> verdict_names{"pass", "drop", "reject", "steer"};

}  // namespace

std::string_view reason_name(contract::reason reason) {
    return static_cast<std::size_t>(reason) < reason_names.size() ? reason_names[reason] : "unknown";
}

std::string_view verdict_name(contract::verdict verdict) {
    return static_cast<std::size_t>(verdict) < verdict_names.size() ? verdict_names[verdict] : "unknown";
}

std::string_view endpoint_state_name(EndpointState state) {
    switch (state) {
        case EndpointState::listen:
            return "LISTEN";
        case EndpointState::established:
            return "ESTAB";
        case EndpointState::time_wait:
            break;
    }
    return "TIME-WAIT";
}

std::string_view endpoint_source_name(EndpointSource source) {
    return source == EndpointSource::table ? "table" : "host";
}

}  // namespace xdemux
