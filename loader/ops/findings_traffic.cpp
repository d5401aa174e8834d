// SPDX-License-Identifier: BSD-2-Clause
// Who receives packets that the kernel's socket look-up says nobody waits for, and whether a listener lets these pass.
#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>

#include <xdemux/ops/findings.h>

namespace xdemux {
namespace {

constexpr std::uint16_t dhcp_client_port = 68;     // RFC 2131
constexpr std::uint16_t dhcpv6_client_port = 546;  // RFC 8415
constexpr std::uint16_t last_port = 65'535;
constexpr std::uint16_t ethertype_all = 0x0003;  // ETH_P_ALL
constexpr std::uint16_t ethertype_ipv4 = 0x0800;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;

/// Packets that must pass: by a listener, or a socket that the look-up sees.
struct Need {
    std::optional<Proto> proto;    ///< none: both
    std::optional<Family> family;  ///< none: both
    PortRange ports = PortRange::all();

    friend auto operator<=>(const Need&, const Need&) = default;
};

std::string_view word_of(const std::optional<Proto>& proto) {
    return proto ? proto_name(*proto) : std::string_view("tcp and udp");
}

/// What of a protocol is let through, by port: each as wide as one listener or socket makes it.
class Covered {
  public:
    void add(const PortRange& ports) {
        if (ports.is_all()) {
            everything_ = true;
        } else {
            ranges_.push_back(ports);
        }
    }
    [[nodiscard]] bool covers(const PortRange& wanted) {
        if (everything_) return true;
        std::sort(ranges_.begin(), ranges_.end());
        std::uint32_t next = wanted.is_all() ? 1 : wanted.first;
        const std::uint32_t last = wanted.is_all() ? last_port : wanted.last;
        for (const auto& range : ranges_) {
            if (range.first <= next) next = std::max<std::uint32_t>(next, range.last + 1U);
        }
        return next > last;
    }

  private:
    std::vector<PortRange> ranges_;
    bool everything_ = false;
};

bool is_met(Proto proto, Family family, const PortRange& ports, const TrafficRules& rules, const TrafficFacts& facts) {
    Covered covered;
    for (const auto& [id, listener] : rules.listeners.listeners()) {
        if (listener.proto != proto || listener.local.form != LocalForm::wildcard || listener.device) continue;
        // Of one port it must let all packets through; in a range, what has a listener of its own was meant so.
        const bool passes = reaches_stack(listener.target.kind) && listener.guard.sources.empty();
        const bool counts = passes || !ports.is_single();
        if (counts && hears(listener.scope(), family)) covered.add(listener.local.ports);
    }
    for (const auto& socket : facts.sockets) {
        if (rules.host && socket.proto == proto && socket.waits_for_anyone() && socket.local.is_wildcard() &&
            socket.ifindex == 0 && socket.local_port != 0 && hears(socket.scope(), family))
            covered.add(PortRange::one(socket.local_port));
    }
    return covered.covers(ports);
}

bool is_met(const Need& need, const TrafficRules& rules, const TrafficFacts& facts) {
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            if ((need.proto && need.proto != proto) || (need.family && need.family != family)) continue;
            if (!is_met(proto, family, need.ports, rules, facts)) return false;
        }
    }
    return true;
}

std::string endpoint_of(const Need& need) {
    return fmt::format("*:{}", need.ports.to_string());
}

std::string remedy_for(const Need& need) {
    std::string command;
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        if (need.proto && need.proto != proto) continue;
        command += fmt::format("{}xdemux listener add {} '{}'", command.empty() ? "" : " && ", proto_name(proto),
                               endpoint_of(need));
    }
    return command;
}

class Judge {
  public:
    Judge(const TrafficFacts& facts, const TrafficRules& rules) : facts_(facts), rules_(rules) {}

    /// Blocks, unless what is needed passes already.
    void need(std::string id, const Need& need, std::string what, std::string why) {
        Finding finding{Severity::blocker, FindingGroup::traffic, std::move(id),
                        fmt::format("{} {}", word_of(need.proto), endpoint_of(need)), std::move(what)};
        if (is_met(need, rules_, facts_)) {
            finding.severity = Severity::ok;
            finding.what += ": passes";
        } else {
            finding.why = std::move(why);
            finding.remedy = remedy_for(need);
            finding.cuts_off = true;
        }
        findings_.push_back(std::move(finding));
    }
    void note(std::string id, std::string object, std::string what, std::string why) {
        findings_.push_back(
            {Severity::note, FindingGroup::traffic, std::move(id), std::move(object), std::move(what), std::move(why)});
    }

    /// "dhclient (812)", "a process".
    [[nodiscard]] std::string owner(std::uint64_t inode) const {
        const auto found = facts_.owners.find(inode);
        if (found == facts_.owners.end()) return "a process";
        return fmt::format("{} ({})", found->second.name, found->second.pid);
    }
    [[nodiscard]] std::string owner_name(std::uint64_t inode) const {
        const auto found = facts_.owners.find(inode);
        return found == facts_.owners.end() ? std::string() : found->second.name;
    }
    /// Whether a packet of ours can be one for that device: it is one of them, or above one; 0 is every device.
    [[nodiscard]] bool concerns(std::uint32_t ifindex) const {
        return ifindex == 0 || facts_.devices.contains(ifindex) || above(ifindex) != nullptr;
    }
    [[nodiscard]] const Interface* above(std::uint32_t ifindex) const {
        const auto found = std::ranges::find(facts_.devices_above, ifindex, &Interface::ifindex);
        return found == facts_.devices_above.end() ? nullptr : &*found;
    }
    [[nodiscard]] const TrafficFacts& facts() const { return facts_; }
    [[nodiscard]] std::vector<Finding> take() { return std::move(findings_); }

  private:
    const TrafficFacts& facts_;
    const TrafficRules& rules_;
    std::vector<Finding> findings_;
};

/// As /proc/PID/comm has them, cut after 15 characters.
bool is_dhcp_client(std::string_view process) {
    constexpr std::array<std::string_view, 9> names = {"dhclient",       "dhcpcd", "systemd-network",
                                                       "NetworkManager", "udhcpc", "connmand",
                                                       "wickedd-dhcp4",  "pump",   "nm-dhcp-helper"};
    return std::ranges::find(names, process) != names.end();
}

/// A packet socket for IPv4 may be a DHCP client's whatever its process is called; one for everything is a sniffer's
/// where its process is known, and not as a client.
void judge_packet_sockets(Judge& judge) {
    constexpr const char* why =
        "it receives by a packet socket, which the kernel's socket look-up does not see: unicast answers would be "
        "dropped, and the address lost with its lease";
    std::map<std::string, Need> clients;  // by what is said of them, so that each is told once
    std::map<std::string, bool> sniffers;
    for (const auto& socket : judge.facts().packet_sockets) {
        if (!judge.concerns(socket.ifindex)) continue;
        const std::string name = judge.owner_name(socket.inode);
        const bool dhcp = name.empty() || is_dhcp_client(name);
        const std::string owner = judge.owner(socket.inode);
        const std::string who = fmt::format("{} {}", owner, is_dhcp_client(name) ? "waits" : "may wait");
        if (socket.ethertype == ethertype_ipv4 || (socket.ethertype == ethertype_all && dhcp)) {
            clients.emplace(who + " for DHCP", Need{Proto::udp, Family::ipv4, PortRange::one(dhcp_client_port)});
        } else if (socket.ethertype == ethertype_ipv6) {
            clients.emplace(who + " for DHCPv6", Need{Proto::udp, Family::ipv6, PortRange::one(dhcpv6_client_port)});
        } else if (socket.ethertype == ethertype_all) {
            sniffers.emplace(owner, true);
        }
    }
    for (const auto& [who, need] : clients)
        judge.need(need.family == Family::ipv4 ? "dhcp_client" : "dhcpv6_client", need, who, why);
    for (const auto& [who, there] : sniffers)
        judge.note("packet_capture", who, "it captures packets",
                   "what is dropped at XDP comes before it and is not in its capture");
}

void judge_raw_sockets(Judge& judge) {
    std::map<std::tuple<Proto, Family>, std::string> users;
    for (const auto& socket : judge.facts().raw_sockets) {
        const bool tcp = socket.protocol == IPPROTO_TCP;
        if (tcp || socket.protocol == IPPROTO_UDP)
            users.emplace(std::tuple(tcp ? Proto::tcp : Proto::udp, socket.family), judge.owner(socket.inode));
    }
    for (const auto& [key, who] : users) {
        const auto [proto, family] = key;
        judge.need("raw_socket", {proto, family, PortRange::all()},
                   fmt::format("{} has a raw socket for {} over {}", who, proto_name(proto), family_name(family)),
                   "raw sockets receive a copy of each packet, to any port; the socket look-up does not see them");
    }
}

/// By what is asked for: Docker and Kubernetes have a rule for each published port.
void judge_rewrites(Judge& judge) {
    std::map<std::pair<RewriteKind, Need>, std::string> rules;
    for (const auto& rule : judge.facts().rewrites) {
        Need need{rule.proto, rule.family, rule.ports.value_or(PortRange::all())};
        // NAT gives answers the port of the one who asked, or another one that is not privileged.
        if (rule.kind == RewriteKind::source) need.ports = {1024, last_port};
        rules.emplace(std::pair(rule.kind, need), rule.where);
    }
    for (const auto& [key, where] : rules) {
        const auto& [kind, need] = key;
        const std::string what = fmt::format("a {} rule ({})", rewrite_kind_name(kind), where);
        switch (kind) {
            case RewriteKind::destination:
                judge.need("dnat", need, what,
                           "such packets go to another address or namespace, where the socket look-up does not see "
                           "who waits for them");
                break;
            case RewriteKind::source:
                judge.need(
                    "snat", need, what,
                    "answers to those behind it come to an address of this host, where no socket waits for them");
                break;
            case RewriteKind::transparent:
                judge.need("tproxy", need, what,
                           "such packets go to a socket of another address or port, which the socket look-up does "
                           "not see");
                break;
        }
    }
}

void judge_services(Judge& judge) {
    for (const auto& service : judge.facts().services) {
        Need need{service.proto, std::nullopt, PortRange::all()};
        std::string name = "by firewall mark";
        if (service.address) {
            need.family = service.address->address.family();
            if (service.address->port != 0) need.ports = PortRange::one(service.address->port);
            name = service.address->to_string();
        }
        judge.need("ipvs", need, fmt::format("IPVS balances {}", name),
                   "the socket look-up does not see the servers behind it");
    }
}

/// Sockets bound to a bridge, bond, VLAN or VRF device: their packets come in at a device below it.
void judge_bound_sockets(Judge& judge) {
    std::map<Need, std::string> bound;
    for (const auto& socket : judge.facts().sockets) {
        const Interface* device = judge.above(socket.ifindex);
        if (device == nullptr || socket.local_port == 0) continue;
        const Need need{socket.proto,
                        socket.scope() == Scope::dual ? std::nullopt : std::optional(socket.local.family()),
                        PortRange::one(socket.local_port)};
        bound.emplace(need, fmt::format("a socket on {} is bound to {}",
                                        SocketAddress{socket.local, socket.local_port}.to_string(), device->name));
    }
    for (const auto& [need, what] : bound)
        judge.need("socket_above", need, what,
                   "the socket look-up is asked as for the device below, and does not see it");
}

bool holds(const std::vector<PortRange>& ranges, std::uint16_t port) {
    return std::ranges::any_of(ranges, [&](const PortRange& range) { return range.covers(port); });
}

/// "8080,9000-9010": neighbours joined.
std::string join_ports(std::vector<PortRange> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<PortRange> joined;
    for (const auto& range : ranges) {
        if (!joined.empty() && range.first <= joined.back().last + 1) {
            joined.back().last = std::max(joined.back().last, range.last);
        } else {
            joined.push_back(range);
        }
    }
    std::string text;
    for (const auto& range : joined)
        text += fmt::format("{}{}", text.empty() ? "" : ",", range.to_string());
    return text;
}

}  // namespace

std::vector<Finding> judge_traffic(const TrafficFacts& facts, const TrafficRules& rules) {
    Judge judge(facts, rules);
    judge_packet_sockets(judge);
    judge_raw_sockets(judge);
    judge_rewrites(judge);
    judge_services(judge);
    judge_bound_sockets(judge);
    auto findings = judge.take();
    if (findings.empty())
        findings.push_back({Severity::ok, FindingGroup::traffic, "unseen_receivers", "host",
                            "the kernel's socket look-up sees everyone who waits for packets"});
    return findings;
}

std::vector<Finding> judge_ephemeral(const TrafficFacts& facts, const ListenerSet& listeners) {
    if (!facts.ephemeral) return {};
    std::vector<PortRange> inside;
    const auto add = [&](const PortRange& ports) {
        const bool overlaps =
            !ports.is_all() && ports.first <= facts.ephemeral->last && facts.ephemeral->first <= ports.last;
        if (!overlaps) return;
        const PortRange part{std::max(ports.first, facts.ephemeral->first),
                             std::min(ports.last, facts.ephemeral->last)};
        // A whole range of ports was not meant for one service.
        if (part.is_single() && !holds(facts.reserved, part.first)) inside.push_back(part);
    };
    for (const auto& [id, listener] : listeners.listeners())
        add(listener.local.ports);
    for (const auto& socket : facts.sockets) {
        if (socket.state == HostSocketState::listen && socket.local_port != 0) add(PortRange::one(socket.local_port));
    }
    Finding finding{Severity::ok, FindingGroup::traffic, "listener_in_ephemeral_range",
                    fmt::format("ports {}", facts.ephemeral->to_string()), "no listener is in the ephemeral range"};
    if (inside.empty()) return {finding};
    finding.severity = Severity::warning;
    finding.what = fmt::format("listeners in the ephemeral range: {}", join_ports(inside));
    finding.why = "an outgoing connection may take such a port, and the service then cannot start again";
    inside.insert(inside.end(), facts.reserved.begin(), facts.reserved.end());
    finding.remedy = fmt::format("sysctl -w net.ipv4.ip_local_reserved_ports={}", join_ports(inside));
    return {finding};
}

}  // namespace xdemux
