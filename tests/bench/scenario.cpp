// SPDX-License-Identifier: BSD-2-Clause
#include "scenario.h"

#include <algorithm>
#include <iterator>
#include <random>

#include <fmt/format.h>

#include "support/testbed.h"

namespace xdemux::bench {
namespace {

using namespace contract;
using test::eth;
using test::host_ipv4;
using test::host_ipv6;
using test::Packet;
using test::peer_ipv4;
using test::peer_ipv6;

constexpr std::uint16_t wildcard_ports[] = {80, 443, 5060, 8080};
constexpr std::uint16_t exact_port = 1001, prefix_port = 1002, bound_port = 1003;
constexpr std::uint16_t closed_port = 9;
constexpr std::uint16_t peer_port = 40000;
constexpr std::uint32_t thousand_flows = 1000;
constexpr std::uint32_t hundred_thousand = 100'000;
constexpr std::uint16_t vlan_id = 7;

using Random = std::mt19937;

std::uint16_t draw(Random& random, std::uint16_t first, std::uint16_t last) {
    return std::uniform_int_distribution<std::uint16_t>(first, last)(random);
}

Packet syn4_to(std::string_view address, std::uint16_t from, std::uint16_t to) {
    return eth().ipv4(peer_ipv4, address).tcp(from, to).syn().pad_to(60);
}

Packet syn4(std::uint16_t from, std::uint16_t to) {
    return syn4_to(host_ipv4, from, to);
}

Packet data4(std::uint16_t from, std::uint16_t to) {
    return eth().ipv4(peer_ipv4, host_ipv4).tcp(from, to).seq(1000).ack(2000).payload(42);
}

Packet udp4(std::uint16_t from, std::uint16_t to) {
    return eth().ipv4(peer_ipv4, host_ipv4).udp(from, to).payload(22);
}

Packet tcp6(std::uint16_t from, std::uint16_t to) {
    return eth().ipv6(peer_ipv6, host_ipv6).tcp(from, to).seq(1000).ack(2000).payload(22);
}

Packet vlan_udp4(std::uint16_t from, std::uint16_t to) {
    return eth().vlan(vlan_id).ipv4(peer_ipv4, host_ipv4).udp(from, to).payload(22);
}

/// MIX_SAMPLES packets of the five kinds to the wildcard listeners.
std::vector<Packet> five_kinds() {
    constexpr Packet (*kinds[])(std::uint16_t, std::uint16_t) = {syn4, data4, udp4, tcp6, vlan_udp4};
    Random random;
    std::vector<Packet> packets;
    for (int i = 0; i < MIX_SAMPLES; i++) {
        const auto kind = kinds[draw(random, 0, std::size(kinds) - 1)];
        const std::uint16_t to = wildcard_ports[draw(random, 0, std::size(wildcard_ports) - 1)];
        packets.push_back(kind(draw(random, 1024, 65535), to));
    }
    return packets;
}

/// SYNs to MIX_SAMPLES random ports on which nobody listens.
std::vector<Packet> scan() {
    Random random;
    std::vector<Packet> packets;
    while (packets.size() < MIX_SAMPLES) {
        const std::uint16_t to = draw(random, 1, 65535);
        if (std::find(std::begin(host_ports), std::end(host_ports), to) != std::end(host_ports)) continue;
        packets.push_back(syn4(draw(random, 1024, 65535), to));
    }
    return packets;
}

Row yardstick_row(std::string name, Yardstick yardstick, std::vector<Packet> packets, verdict verdict) {
    return {std::move(name), std::move(packets), REASON_UNDECIDED, verdict, {}, {}, yardstick};
}

Scenario listeners(std::uint32_t ifindex) {
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.fill = [ifindex](Subject& subject) {
        for (const std::uint16_t port : wildcard_ports)
            for (const auto proto : {PROTO_TCP, PROTO_UDP})
                subject.add_wildcard({proto, port});
        subject.add_exact({PROTO_TCP, exact_port}, host_ipv4);
        subject.add_prefix({PROTO_TCP, prefix_port}, "192.0.2.0", 24);
        subject.add_wildcard({PROTO_TCP, bound_port, ifindex});
    };
    const auto row = [&](const char* name, std::vector<Packet> packets, reason reason, std::optional<double> goal) {
        scenario.rows.push_back({name, std::move(packets), reason, VERDICT_PASS, goal});
    };
    row("wildcard listener, fixed", {syn4(peer_port, 443)}, REASON_LISTENER_WILDCARD, 3);
    scenario.rows.push_back(yardstick_row("yardstick: an array and three counters, fixed", Yardstick::least_demux,
                                          {syn4(peer_port, 443)}, VERDICT_PASS));
    row("wildcard listeners, mix of five kinds", five_kinds(), REASON_LISTENER_WILDCARD, 12);
    scenario.rows.push_back(
        yardstick_row("yardstick: an array and three counters, mix", Yardstick::of_kinds, five_kinds(), VERDICT_PASS));
    row("wildcard listener, IPv6 TCP, fixed", {tcp6(peer_port, 443)}, REASON_LISTENER_WILDCARD, {});
    row("listener on an address, fixed", {syn4(peer_port, exact_port)}, REASON_LISTENER_EXACT, {});
    row("listener on a prefix, fixed", {syn4(peer_port, prefix_port)}, REASON_LISTENER_PREFIX, {});
    row("listener bound to the device, fixed", {syn4(peer_port, bound_port)}, REASON_LISTENER_WILDCARD, {});
    return scenario;
}

std::string nth_address(std::uint32_t i) {
    return fmt::format("198.18.{}.{}", i >> 8U, i & 0xffU);
}

/// MIX_SAMPLES SYNs, each to one of so many addresses.
std::vector<Packet> to_addresses(std::uint32_t first, std::uint16_t count, std::uint16_t port) {
    Random random;
    std::vector<Packet> packets;
    for (int i = 0; i < MIX_SAMPLES; i++)
        packets.push_back(syn4_to(nth_address(first + draw(random, 0, static_cast<std::uint16_t>(count - 1))),
                                  draw(random, 1024, 65535), port));
    return packets;
}

/// A hundred destinations of which the program remembers nearly all, and a thousand, of which many push each other out.
Scenario addresses() {
    constexpr std::uint16_t few = 100, many = 1000, passing = 443, dropping = 444;
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.fill = [](Subject& subject) {
        for (std::uint32_t i = 0; i < many; i++) {
            subject.add_exact({PROTO_TCP, passing}, nth_address(i));
            subject.add_exact({PROTO_TCP, dropping, 0, TARGET_DROP}, nth_address(i));
        }
    };
    scenario.rows = {
        {"listeners on 100 addresses, mix", to_addresses(0, few, passing), REASON_LISTENER_EXACT, VERDICT_PASS, {}},
        {"listeners on 1,000 addresses, mix", to_addresses(0, many, passing), REASON_LISTENER_EXACT, VERDICT_PASS, {}},
        {"dropped by listeners on 100 addresses, mix",
         to_addresses(0, few, dropping),
         REASON_LISTENER_EXACT,
         VERDICT_DROP,
         {}},
    };
    return scenario;
}

/// As an edge server has them: more than the program's first line holds. And packets to as many other hosts.
Scenario many_locals() {
    constexpr std::uint16_t count = 100;
    constexpr std::uint32_t others = 1U << 15U;
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.fill = [](Subject& subject) {
        subject.add_wildcard({PROTO_TCP, 443});
        for (std::uint32_t i = 0; i < count; i++)
            subject.add_local(nth_address(i));
    };
    scenario.rows = {
        {"wildcard listener, 100 local addresses, mix",
         to_addresses(0, count, 443),
         REASON_LISTENER_WILDCARD,
         VERDICT_PASS,
         {}},
        {"for other hosts, 100 local addresses, mix",
         to_addresses(others, count, 443),
         REASON_NOT_LOCAL,
         VERDICT_PASS,
         {}},
    };
    return scenario;
}

Scenario all_ports() {
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.fill = [](Subject& subject) { subject.add_wildcard({PROTO_TCP, 0}); };
    scenario.rows = {
        {"listener on all ports, fixed", {syn4(peer_port, 443)}, REASON_LISTENER_ALL_PORTS, VERDICT_PASS, {}},
    };
    return scenario;
}

/// SYNs from sources that a listener admits or not, and from random ones of all that it admits: no two alike.
Scenario guarded() {
    constexpr std::uint32_t networks = 10'000;
    constexpr std::uint16_t port = 443;
    const mix_peers admitted{0, networks << 8, 0, 0};
    const auto from = [](std::string_view source) {
        return eth().ipv4(source, host_ipv4).tcp(peer_port, port).syn().pad_to(60);
    };
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.fill = [](Subject& subject) { subject.add_guarded_wildcard({PROTO_TCP, port}, networks); };
    const std::string name = "source restriction with 10,000 prefixes, ";
    scenario.rows = {
        {name + "hit", {from("10.7.8.9")}, REASON_LISTENER_WILDCARD, VERDICT_PASS, 30},
        {name + "denied", {from("10.77.8.9")}, REASON_SOURCE_DENIED, VERDICT_DROP, {}},
        {name + "random sources", {from("10.7.8.9")}, REASON_LISTENER_WILDCARD, VERDICT_PASS, {}, admitted},
    };
    return scenario;
}

/// Packets for another CPU, another device, an AF_XDP socket on the queue that they come from.
Scenario handed_over(std::uint32_t ifindex) {
    constexpr std::uint16_t cpu_port = 441, dev_port = 442, xsk_port = 443;
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.fill = [ifindex](Subject& subject) {
        subject.add_cpu_wildcard({PROTO_TCP, cpu_port});
        subject.add_dev_wildcard({PROTO_TCP, dev_port}, ifindex);
        subject.add_xsk_wildcard({PROTO_TCP, xsk_port}, ifindex);
    };
    const auto row = [&](const char* name, std::uint16_t port) {
        scenario.rows.push_back({name, {data4(peer_port, port)}, REASON_LISTENER_WILDCARD, VERDICT_STEER, {}});
    };
    row("another CPU, fixed", cpu_port);
    row("another device, fixed", dev_port);
    row("AF_XDP socket, fixed", xsk_port);
    return scenario;
}

/// Packets of one flow, and of a million, to a group of eight targets of one CPU each.
Scenario grouped() {
    constexpr std::uint16_t port = 443;
    constexpr std::uint32_t members = 8, flows = 1'000'000;
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.fill = [](Subject& subject) { subject.add_grouped_wildcard({PROTO_TCP, port}, members); };
    const auto row = [&](const char* name, const mix_peers& peers) {
        scenario.rows.push_back({name, {data4(peer_port, port)}, REASON_LISTENER_WILDCARD, VERDICT_STEER, {}, peers});
    };
    row("group of 8 CPUs, fixed", {});
    row("group of 8 CPUs, random flows", {0, flows, 0, 0});
    return scenario;
}

struct FlowGoals {
    std::optional<double> hit, miss;
};

/// Packets from random ones of `count` peers that have a flow, and from as many that have none, in a table made for
/// `capacity` flows. The same of a hash map, in the same rounds.
Scenario flows(const std::string& name, std::uint32_t count, std::uint32_t capacity, bool ipv6,
               const FlowGoals& goals) {
    const mix_peers known{0, count, ipv6 ? 1U : 0U, 0}, strangers{count, count, ipv6 ? 1U : 0U, 0};
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.flow_capacity = capacity;
    scenario.fill = [known](Subject& subject) {
        subject.add_wildcard({PROTO_TCP, 443});
        subject.add_flows(PROTO_TCP, 443, known);
    };
    scenario.hashed = Subject::flow_keys(PROTO_TCP, 443, known);
    const Packet packet = ipv6 ? tcp6(peer_port, 443) : data4(peer_port, 443);
    const std::string what = ", " + name + (ipv6 ? " IPv6 flows" : " flows");
    const auto yardstick = [&](const char* row, Yardstick which, const mix_peers& peers) {
        scenario.rows.push_back({row + what, {packet}, REASON_UNDECIDED, VERDICT_PASS, {}, peers, which});
    };
    scenario.rows.push_back({"flow hit" + what, {packet}, REASON_FLOW, VERDICT_PASS, goals.hit, known});
    if (!ipv6) {
        yardstick("yardstick: a random line of that table", Yardstick::one_line, known);
        yardstick("yardstick: a random line, an entry by it counts", Yardstick::two_lines, known);
        yardstick("yardstick: the same, a packet after the other", Yardstick::in_turn, known);
        yardstick("yardstick: the least look-up of that table, hit", Yardstick::least_flows, known);
    }
    yardstick("yardstick: BPF hash map, hit", Yardstick::hash_flows, known);
    scenario.rows.push_back(
        {"flow miss" + what, {packet}, REASON_LISTENER_WILDCARD, VERDICT_PASS, goals.miss, strangers});
    if (!ipv6) yardstick("yardstick: the least look-up of that table, miss", Yardstick::least_flows, strangers);
    yardstick("yardstick: BPF hash map, miss", Yardstick::hash_flows, strangers);
    return scenario;
}

/// Packets of the five kinds, each of a flow, a thousand in all.
Scenario flow_mix() {
    struct Kind {
        Packet (*packet)(std::uint16_t, std::uint16_t);
        contract::proto proto;
        bool ipv6;
    };
    constexpr Kind kinds[] = {{syn4, PROTO_TCP, false},
                              {data4, PROTO_TCP, false},
                              {udp4, PROTO_UDP, false},
                              {tcp6, PROTO_TCP, true},
                              {vlan_udp4, PROTO_UDP, false}};
    Random random;
    std::vector<Packet> packets;
    std::vector<flow_key> flows;
    for (std::uint16_t i = 0; i < MIX_SAMPLES; i++) {
        const Kind& kind = kinds[draw(random, 0, std::size(kinds) - 1)];
        const std::uint16_t to = wildcard_ports[draw(random, 0, std::size(wildcard_ports) - 1)];
        const auto from = static_cast<std::uint16_t>(1024 + i);
        packets.push_back(kind.packet(from, to));
        flows.push_back(Subject::flow_key_of(kind.proto, to, from, kind.ipv6));
    }
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.flow_capacity = thousand_flows;
    scenario.fill = [flows](Subject& subject) {
        for (const flow_key& flow : flows)
            subject.add_flow(flow);
    };
    scenario.rows = {{"flow hits, mix of five kinds, 1k flows", std::move(packets), REASON_FLOW, VERDICT_PASS, 17}};
    return scenario;
}

/// Random ones of the host's connections, asked of the kernel.
Scenario established() {
    constexpr std::uint32_t connections = 65'536;
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.crowd = 2 * connections;
    scenario.rows = {{"yardstick: bpf_skc_lookup_tcp, hit, 131k established",
                      {data4(peer_port, 443)},
                      REASON_UNDECIDED,
                      VERDICT_PASS,
                      {},
                      {0, 2 * connections, 0, 0},
                      Yardstick::established}};
    return scenario;
}

Scenario closed_by_table() {
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, false);
    const Packet fixed = syn4(peer_port, closed_port);
    scenario.rows = {
        {"closed port, no host mode, fixed", {fixed}, REASON_CLOSED, VERDICT_DROP, 5},
        {"closed ports, no host mode, scan", scan(), REASON_CLOSED, VERDICT_DROP, 22},
        yardstick_row("yardstick: an array and three counters, scan", Yardstick::least_demux, scan(), VERDICT_PASS),
    };
    return scenario;
}

Scenario closed_by_kernel(bool forwards, std::uint32_t crowd) {
    const std::string where = std::string(forwards ? ", forwarding" : "") + (crowd != 0 ? ", 100k sockets" : "");
    const double goal = forwards ? 60 : 27;
    Scenario scenario;
    scenario.settings = enforce(VERDICT_DROP, true);
    scenario.forwards = forwards;
    scenario.crowd = crowd;
    const auto row = [&](const std::string& name, std::vector<Packet> packets, std::optional<double> wanted) {
        scenario.rows.push_back({name, std::move(packets), REASON_CLOSED, VERDICT_DROP, wanted});
    };
    row("closed port, host mode" + where + ", fixed", {syn4(peer_port, closed_port)}, goal);
    scenario.rows.push_back(yardstick_row("yardstick: bpf_skc_lookup_tcp" + where + ", fixed", Yardstick::tcp_lookup,
                                          {syn4(peer_port, closed_port)}, VERDICT_DROP));
    if (forwards && crowd == 0)
        scenario.rows.push_back(yardstick_row("yardstick: bpf_fib_lookup" + where + ", fixed", Yardstick::route_lookup,
                                              {syn4(peer_port, closed_port)}, VERDICT_DROP));
    row("closed UDP port, host mode" + where + ", fixed", {udp4(peer_port, closed_port)}, goal);
    row("closed ports, host mode" + where + ", scan", scan(), {});
    return scenario;
}

}  // namespace

settings enforce(verdict closed, bool host) {
    contract::settings settings{};
    settings.contract = CONTRACT_VERSION;
    settings.rules = {MODE_ENFORCE, closed, host ? 1U : 0U};
    settings.fallback = settings.rules;
    settings.rejects_per_second = 1000;
    settings.trace_key = 0x5eed'0f'7e57;
    settings.hash_key = 0x5eed;
    settings.scan_slots = 4096;
    test::set_flow_table(settings);
    return settings;
}

// The largest tables belong last: the kernel frees them in the background, to the cost of whoever is timed next. So do
// the sockets.
std::vector<Scenario> scenarios(std::uint32_t ifindex) {
    return {
        listeners(ifindex),
        all_ports(),
        addresses(),
        many_locals(),
        guarded(),
        handed_over(ifindex),
        grouped(),
        flows("1k", thousand_flows, thousand_flows, false, {15, 10}),
        flows("1k", thousand_flows, thousand_flows, true, {{}, 10}),
        flow_mix(),
        closed_by_table(),
        closed_by_kernel(false, 0),
        closed_by_kernel(true, 0),
        closed_by_kernel(false, hundred_thousand),
        closed_by_kernel(true, hundred_thousand),
    };
}

std::vector<Scenario> flow_scenarios() {
    constexpr std::uint32_t million = 1'000'000, most = 8'000'000;
    // So that `million` flows take 95 % of the places that the table has.
    constexpr std::uint32_t crowded = million / 95 * 75;
    return {
        flows("1M", million, million, false, {110, 50}),
        flows("1M", million, million, true, {170, 50}),
        flows("1M (95 %)", million, crowded, false, {}),
        flows("1M (95 %)", million, crowded, true, {}),
        flows("8M", most, most, false, {200, 120}),
        flows("8M", most, most, true, {265, 120}),
        established(),
    };
}

}  // namespace xdemux::bench
