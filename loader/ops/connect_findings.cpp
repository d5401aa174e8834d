// SPDX-License-Identifier: BSD-2-Clause
#include <fmt/format.h>

#include <xdemux/kernel/netlink.h>
#include <xdemux/ops/connect_findings.h>

namespace xdemux {
namespace {

/// The ports of the range, by why they cannot be had.
struct Ports {
    PortSet usable;     ///< in the range and not reserved
    PortSet to_remote;  ///< taken towards the destination by living sockets
    PortSet time_wait;  ///< of the others, those in TIME_WAIT towards it
    PortSet bound;      ///< held by sockets without a peer: taken for all destinations
    PortSet at_all;     ///< that any socket has, whatever the destination
};

bool may_meet(const Address& a, const Address& b) {
    return a == b || a.is_wildcard() || b.is_wildcard();
}

Ports ports_of(const ConnectFacts& facts) {
    const ConnectQuestion& asked = facts.question;
    Ports ports;
    ports.usable.add(facts.settings.range);
    ports.usable.remove(facts.settings.reserved);
    for (const HostSocket& socket : facts.sockets) {
        if (socket.proto != asked.proto || socket.local_port == 0 || !may_meet(socket.local, asked.local)) continue;
        const PortRange port = PortRange::one(socket.local_port);
        if (!ports.usable.contains(port.first)) continue;
        ports.at_all.add(port);
        const bool closed = socket.state == HostSocketState::time_wait;
        if (socket.remote_port == 0) {
            ports.bound.add(port);
        } else if (SocketAddress{socket.remote, socket.remote_port} == asked.remote) {
            (closed ? ports.time_wait : ports.to_remote).add(port);
        }
    }
    ports.time_wait.remove(ports.to_remote);
    return ports;
}

Finding finding(const ConnectQuestion& asked, std::string id, std::string what) {
    return {Severity::ok, FindingGroup::traffic, std::move(id),
            fmt::format("{} {} to {}", proto_name(asked.proto), asked.local.to_string(), asked.remote.to_string()),
            std::move(what)};
}

bool reuses(const ConnectFacts& facts) {
    if (facts.question.proto == Proto::udp || !facts.timestamps || facts.reuse == TimeWaitReuse::off) return false;
    return facts.reuse == TimeWaitReuse::on || facts.question.remote.address.is_loopback();
}

Finding judge_address(const ConnectFacts& facts) {
    const ConnectQuestion& asked = facts.question;
    const std::string address = asked.local.to_string();
    Finding found = finding(asked, "connect_address", fmt::format("{} is an address of this host", address));
    if (facts.local_is_here) return found;
    found.severity = Severity::blocker;
    found.what = fmt::format("bind fails with EADDRNOTAVAIL: {} is not an address of this host", address);
    found.why = "a socket can only be bound to an address that an interface has";
    found.remedy = fmt::format("ip addr add {}/{} dev DEV", address, address_bits(asked.local.family()));
    return found;
}

std::string remedy_for_ports(const ConnectFacts& facts, const Ports& ports) {
    if (facts.question.proto == Proto::tcp && !ports.time_wait.empty() && !reuses(facts))
        return "sysctl -w net.ipv4.tcp_timestamps=1 net.ipv4.tcp_tw_reuse=1";
    if (facts.settings.range.first > 10'000 || facts.settings.range.last < 65'535)
        return "xdemux ephemeral set 10000-65535 --confirm 60";
    return "ip addr add ADDR dev DEV";
}

/// connect(2) on a socket without a port, or bound with IP_BIND_ADDRESS_NO_PORT. A UDP socket has its port for all
/// destinations.
Finding judge_connect_ports(const ConnectFacts& facts, const Ports& ports) {
    const ConnectQuestion& asked = facts.question;
    const bool udp = asked.proto == Proto::udp;
    PortSet taken = udp ? ports.at_all : ports.to_remote;
    taken.add(ports.bound);
    if (!reuses(facts)) taken.add(ports.time_wait);
    const std::size_t usable = ports.usable.size();
    const std::size_t left = usable - taken.size();
    const std::string sum = fmt::format(
        "{} of {} ports are taken: {} in use, {} in TIME_WAIT, {} bound for all "
        "destinations",
        taken.size(), usable, ports.to_remote.size(), ports.time_wait.size(), ports.bound.size());
    Finding found = finding(asked, "connect_ports", fmt::format("connect finds a port: {}", sum));
    if (left == 0) {
        found.severity = Severity::blocker;
        found.what = fmt::format("connect fails with {}: {}", udp ? "EAGAIN" : "EADDRNOTAVAIL", sum);
        found.why = fmt::format("{}; more local addresses, a wider range or the reuse of TIME_WAIT help",
                                describe_sustainable(usable, linux_time_wait));
        found.remedy = remedy_for_ports(facts, ports);
    } else if (!udp && taken.size() >= capacity_of(facts.settings.range, facts.settings.reserved).cliff) {
        found.severity = Severity::warning;
        found.what = fmt::format("connect finds a port, but slowly: {}", sum);
        found.why = "past half of the range the kernel looks through the ports of one parity in vain each time";
        found.remedy = remedy_for_ports(facts, ports);
    }
    return found;
}

/// bind(2) to port 0, before anybody knows where the connection goes.
Finding judge_bind_ports(const ConnectFacts& facts, const Ports& ports) {
    const std::size_t usable = ports.usable.size();
    const std::size_t taken = ports.at_all.size();
    const std::string sum = fmt::format("{} of {} ports have a socket, to whatever destination", taken, usable);
    Finding found = finding(facts.question, "bind_ports", fmt::format("bind to port 0 finds one: {}", sum));
    if (taken < usable) return found;
    found.severity = facts.question.proto == Proto::udp ? Severity::blocker : Severity::warning;
    found.what = fmt::format("bind to port 0 fails with EADDRINUSE: {}", sum);
    found.why =
        facts.question.proto == Proto::udp
            ? "a UDP socket has its port for all destinations"
            : "a port that is bound before connect must be free for all destinations; with the socket option "
              "IP_BIND_ADDRESS_NO_PORT bind takes the address alone, and connect then a port that is free to this "
              "destination";
    return found;
}

}  // namespace

std::vector<Finding> judge_connect(const ConnectFacts& facts) {
    const Ports ports = ports_of(facts);
    return {judge_address(facts), judge_connect_ports(facts, ports), judge_bind_ports(facts, ports)};
}

Result<std::vector<Finding>> diagnose_connect(const ConnectQuestion& question) {
    if (auto valid = FlowKey{question.proto, {question.local, 1}, question.remote}.validate(); !valid)
        return fail(valid.error());
    ConnectFacts facts;
    facts.question = question;
    const auto route = route_to(question.local);
    if (!route) return fail(route.error());
    facts.local_is_here = route->kind == RouteKind::local;
    const auto settings = read_ephemeral_settings();
    if (!settings) return fail(settings.error());
    facts.settings = *settings;
    auto sockets = host_sockets();
    if (!sockets) return fail(sockets.error());
    facts.sockets = std::move(*sockets);
    facts.reuse = time_wait_reuse();
    facts.timestamps = tcp_timestamps();
    return judge_connect(facts);
}

}  // namespace xdemux
