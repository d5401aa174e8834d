// SPDX-License-Identifier: BSD-2-Clause
// The rows of the port table: flows, listeners, and the host's own sockets, in order of precedence.
#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/ops/flows.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/snapshot.h>

#include "shadow.h"

namespace xdemux {
namespace {

/// Smaller comes first.
struct Rank {
    int step = 0;
    int prefix_left = 0;  ///< bits that a prefix lacks: the longest comes first
    bool dual = false;
    bool unbound = false;

    friend auto operator<=>(const Rank&, const Rank&) = default;
};

enum Step { step_flow, step_exact, step_prefix, step_wildcard, step_all_ports = 10, step_host = 20 };

int step_of(LocalForm form) {
    switch (form) {
        case LocalForm::exact:
            return step_exact;
        case LocalForm::prefix:
            return step_prefix;
        case LocalForm::wildcard:
            break;
    }
    return step_wildcard;
}

bool hears_both(const Endpoint& endpoint) {
    const bool wildcard = endpoint.local.form == LocalForm::wildcard;
    return scope_of(endpoint.local.family(), wildcard, endpoint.v6only) == Scope::dual;
}

Rank rank_of(const Endpoint& endpoint) {
    Rank rank;
    const bool whole = endpoint.remote.has_value();
    if (endpoint.source == EndpointSource::table && whole) return rank;
    rank.step = whole ? int{step_flow} : step_of(endpoint.local.form);
    if (endpoint.source == EndpointSource::host) {
        rank.step += step_host;
    } else if (endpoint.local.ports.is_all()) {
        rank.step += step_all_ports;
    }
    if (endpoint.local.form == LocalForm::prefix)
        rank.prefix_left = address_bits(endpoint.local.family()) - endpoint.local.prefix.length;
    rank.dual = hears_both(endpoint);
    rank.unbound = !endpoint.dev.has_value();
    return rank;
}

auto sort_key(const Endpoint& endpoint) {
    return std::make_tuple(rank_of(endpoint), endpoint.local.prefix, endpoint.local.ports, endpoint.proto,
                           endpoint.remote, endpoint.state, std::cref(endpoint.name));
}

LocalEndpoint exact_endpoint(const SocketAddress& local) {
    return {LocalForm::exact, {local.address, address_bits(local.address.family())}, PortRange::one(local.port)};
}

Endpoint row_of(const Flow& flow) {
    Endpoint row;
    row.proto = flow.key.proto;
    row.state = flow.state == endpoint_state_name(EndpointState::time_wait) ? EndpointState::time_wait
                                                                            : EndpointState::established;
    row.local = exact_endpoint(flow.key.local);
    row.remote = flow.key.remote;
    row.target = flow.target;
    return row;
}

Endpoint row_of(const Listener& listener) {
    Endpoint row;
    row.proto = listener.proto;
    row.local = listener.local;
    row.v6only = listener.v6only;
    row.target = listener.target;
    if (listener.device) row.dev = listener.device->name;
    row.name = listener.name;
    row.guard = listener.guard;
    return row;
}

/// None for a socket that waits for no packet of its own.
std::optional<EndpointState> state_of(const HostSocket& socket) {
    switch (socket.state) {
        case HostSocketState::listen:
        case HostSocketState::unconnected:
            return EndpointState::listen;
        case HostSocketState::time_wait:
            return EndpointState::time_wait;
        case HostSocketState::close:
            return std::nullopt;
        default:
            return EndpointState::established;
    }
}

using DeviceNames = std::map<std::uint32_t, std::string>;

std::optional<Endpoint> row_of(const HostSocket& socket, const DeviceNames& devices) {
    const auto state = state_of(socket);
    if (!state || socket.local_port == 0) return std::nullopt;
    Endpoint row;
    row.proto = socket.proto;
    row.state = *state;
    row.local = exact_endpoint({socket.local, socket.local_port});
    if (socket.local.is_wildcard()) {
        row.local.form = LocalForm::wildcard;
        row.local.prefix.length = 0;
    }
    row.v6only = socket.v6only && socket.local.is_wildcard() && socket.scope() == Scope::ipv6;
    if (*state != EndpointState::listen) row.remote = SocketAddress{socket.remote, socket.remote_port};
    if (socket.ifindex != 0) {
        const auto device = devices.find(socket.ifindex);
        row.dev = device == devices.end() ? "?" : device->second;
    }
    row.source = EndpointSource::host;
    return row;
}

Result<DeviceNames> device_names() {
    const auto all = interfaces();
    if (!all) return fail(all.error());
    DeviceNames devices;
    for (const auto& interface : *all)
        devices.emplace(interface.ifindex, interface.name);
    return devices;
}

Result<std::vector<Address>> local_addresses() {
    const auto routes = local_routes();
    if (!routes) return fail(routes.error());
    std::vector<Address> addresses;
    for (const auto& route : *routes) {
        if (route.prefix.length == address_bits(route.prefix.address.family()))
            addresses.push_back(route.prefix.address);
    }
    return addresses;
}

class EndpointReader {
  public:
    EndpointReader(const Instance& instance, const EndpointQuery& query) : instance_(instance), query_(query) {}

    Status read_flows() {
        return for_each_flow(instance_, [&](const Flow& flow) {
            add(row_of(flow));
            return true;
        });
    }

    Status read_listeners() {
        const auto rows = read_listener_rows(instance_);
        if (!rows) return fail(rows.error());
        auto listeners = xdemux::read_listeners(instance_);
        if (!listeners) return fail(std::move(listeners.error()));
        listeners_ = std::move(*listeners);
        const auto shadowed = shadowed_listeners(listeners_);
        for (const auto& each : *rows) {
            Endpoint row = row_of(each.listener);
            const auto shadow = shadowed.find(each.listener.id);
            if (shadow != shadowed.end()) row.shadowed_by = listener_label(*shadow->second);
            add(std::move(row));
        }
        return {};
    }

    /// After the listeners, which may end what a socket waits for.
    Status read_host() {
        const auto sockets = host_sockets();
        if (!sockets) return fail(sockets.error());
        const auto devices = device_names();
        if (!devices) return fail(devices.error());
        auto locals = local_addresses();
        if (!locals) return fail(std::move(locals.error()));
        std::unordered_map<std::uint64_t, Process> owners;
        if (query_.processes) owners = socket_owners();
        const SocketShadows shadows(*sockets, listeners_, std::move(*locals), owners);
        for (const auto& socket : *sockets) {
            auto row = row_of(socket, *devices);
            if (!row || !wanted(*row)) continue;
            row->shadowed_by = shadows.find(socket);
            const auto owner = owners.find(socket.inode);
            if (socket.inode != 0 && owner != owners.end()) row->process = owner->second;
            add(std::move(*row));
        }
        return {};
    }

    std::vector<Endpoint> sorted() && {
        std::stable_sort(rows_.begin(), rows_.end(),
                         [](const Endpoint& a, const Endpoint& b) { return sort_key(a) < sort_key(b); });
        return std::move(rows_);
    }

  private:
    [[nodiscard]] bool wanted(const Endpoint& row) const { return !query_.filter || query_.filter(row); }
    void add(Endpoint row) {
        if (wanted(row)) rows_.push_back(std::move(row));
    }

    const Instance& instance_;
    const EndpointQuery& query_;
    ListenerSet listeners_;
    std::vector<Endpoint> rows_;
};

}  // namespace

Result<std::vector<Endpoint>> read_endpoints(const Instance& instance, const EndpointQuery& query) {
    EndpointReader reader(instance, query);
    if (query.flows) {
        if (auto read = reader.read_flows(); !read) return fail(std::move(read.error()));
    }
    if (auto read = reader.read_listeners(); !read) return fail(std::move(read.error()));
    if (query.host_sockets) {
        if (auto read = reader.read_host(); !read) return fail(std::move(read.error()));
    }
    return std::move(reader).sorted();
}

}  // namespace xdemux
