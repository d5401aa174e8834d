// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/ethtool.h>
#include <xdemux/kernel/test_run.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/settings.h>
#include <xdemux/ops/targets.h>

#include "kernel_view.h"

namespace xdemux {
namespace {

constexpr std::size_t smallest_frame = 14;  // BPF_PROG_TEST_RUN takes none without an Ethernet header

struct StageWords {
    contract::stage stage;
    std::string_view name;
    std::string_view found;
    std::string_view missed;
};

/// In the order in which the program asks.
constexpr StageWords stage_words[] = {
    {contract::STAGE_FRAGMENT, "fragment", "the first fragment was seen", "the first fragment was not seen"},
    {contract::STAGE_SLOT, "port slot", "the port has entries", "the port has no entries"},
    {contract::STAGE_FLOW, "flow", "a flow has this 4-tuple", "no flow has this 4-tuple"},
    {contract::STAGE_EXACT, "exact address", "a listener is on this address", "no listener is on this address"},
    {contract::STAGE_PREFIX, "prefix", "a listener is on a prefix of this address",
     "no listener is on a prefix of this address"},
    {contract::STAGE_LOCAL, "local", "the destination is this host's", "the destination is not this host's"},
    {contract::STAGE_WILDCARD, "wildcard", "a listener is on this port", "no listener is on this port"},
    {contract::STAGE_ALL_EXACT, "all ports, exact address", "a listener is on all ports of this address",
     "no listener is on all ports of this address"},
    {contract::STAGE_ALL_PREFIX, "all ports, prefix", "a listener is on all ports of a prefix of this address",
     "no listener is on all ports of a prefix of this address"},
    {contract::STAGE_ALL_WILDCARD, "all ports, wildcard", "a listener is on all ports", "no listener is on all ports"},
    {contract::STAGE_BLOCK, "block", "the source is blocked", "the source is not blocked"},
    {contract::STAGE_GUARD, "guard", "the source is not one that the listener admits",
     "the listener's guard admits the source"},
    {contract::STAGE_HOST, "host socket", "a socket of the host waits for it", "no socket of the host waits for it"},
    {contract::STAGE_ROUTE, "route", "the kernel would forward it", "the kernel would not forward it"},
    {contract::STAGE_TARGET, "target", "the target can act", "the target cannot act, its fallback stands in"},
};

std::vector<ExplainStage> stages_of(const contract::trace& trace) {
    std::vector<ExplainStage> stages;
    for (const auto& words : stage_words) {
        if ((trace.asked & words.stage) == 0) continue;
        const bool found = (trace.answered & words.stage) != 0;
        const bool limited = words.stage == contract::STAGE_GUARD && trace.reason == contract::REASON_RATE_LIMITED;
        const std::string_view answer = limited ? "the source is over its rate" : words.found;
        stages.push_back({words.stage, words.name, found, std::string(found ? answer : words.missed)});
    }
    return stages;
}

/// The device that was named; else the first that is attached; else none, which is the loopback device.
Result<std::optional<Interface>> ingress_device(const Instance& instance, const std::optional<std::string>& name) {
    if (name) {
        auto device = interface_by_name(*name);
        if (!device) return fail(std::move(device.error()));
        return std::optional(std::move(*device));
    }
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    for (const auto& each : *attached) {
        if (each.state != InterfaceState::attached) continue;
        if (auto device = interface_by_index(each.ifindex)) return std::optional(std::move(*device));
    }
    return std::nullopt;
}

Status check_queue(const std::optional<Interface>& device, std::uint32_t queue) {
    if (queue == 0) return {};
    if (!device) return fail(ErrorKind::usage, "--queue goes with an interface; name it with --dev");
    // A driver that does not tell has one.
    const std::uint32_t queues = std::max(channels(device->name).value_or(Channels{}).receive_queues(), 1U);
    if (queue < queues) return {};
    return fail(ErrorKind::usage,
                fmt::format("{} has no receive queue {}; its last is {}", device->name, queue, queues - 1));
}

template <std::size_t Size>
void copy_address(__u8 (&to)[Size], std::span<const std::uint8_t> frame, std::size_t offset, Family family) {
    const std::size_t size = address_bits(family) / 8U;
    if (offset + size <= frame.size()) std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), size, to);
}

/// The 4-tuple, from the frame's own addresses where the program found them.
FlowKey flow_of(const contract::trace& trace, std::span<const std::uint8_t> frame) {
    const Family family = trace.family == contract::FAMILY_IPV4 ? Family::ipv4 : Family::ipv6;
    const std::size_t source = trace.l3_offset + (family == Family::ipv4 ? 12U : 8U);
    contract::flow_key key{};
    copy_address(key.remote_addr, frame, source, family);
    copy_address(key.local_addr, frame, source + address_bits(family) / 8U, family);
    key.local_port = trace.local_port;
    key.remote_port = trace.remote_port;
    key.proto = trace.proto;
    key.family = trace.family;
    return decode(key);
}

/// Reasons for which no IP header was found whole.
bool is_without_addresses(contract::reason reason) {
    switch (reason) {
        case contract::REASON_NOT_IP:
        case contract::REASON_BAD_ETHERNET:
        case contract::REASON_BAD_VLAN:
        case contract::REASON_BAD_IPV4:
        case contract::REASON_BAD_IPV6:
            return true;
        default:
            return false;
    }
}

std::optional<PacketEnds> ends_of(const contract::trace& trace, std::span<const std::uint8_t> frame) {
    const auto reason = static_cast<contract::reason>(trace.reason);
    if (is_without_addresses(reason)) return std::nullopt;
    FlowKey key = flow_of(trace, frame);
    // The ports of an ICMP error are those that it quotes, not its own.
    const bool with_ports = (key.local.port != 0 || key.remote.port != 0) && reason != contract::REASON_ICMP_ERROR;
    if (!with_ports) key.local.port = key.remote.port = 0;
    return PacketEnds{with_ports ? std::optional(key.proto) : std::nullopt, key.remote, key.local};
}

Status fill_match(const Instance& instance, const contract::trace& trace, Explanation& out) {
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    if (trace.target != contract::TARGET_NONE) {
        const bool steers = trace.target == contract::TARGET_STEER;
        auto target = targets->find(steers ? static_cast<std::uint32_t>(trace.key) : trace.target);
        if (!target) return fail(target.error());
        out.target = std::move(*target);
    }
    if (out.reason == contract::REASON_FLOW) out.flow = flow_of(trace, out.frame);
    if (trace.listener == 0) return {};
    const auto stored = instance.tables().listeners.find(trace.listener);
    if (!stored) return fail(stored.error());
    if (!*stored) return {};  // deleted meanwhile
    auto listener = decode(trace.listener, **stored, *targets);
    if (!listener) return fail(std::move(listener.error()));
    if (listener->device) {
        if (const auto device = interface_by_index(listener->device->ifindex)) listener->device->name = device->name;
    }
    // To XDP it is a pass: the socket is the stack's to find.
    if (listener->target.kind == TargetKind::socket && out.target == Target{}) out.target = listener->target;
    out.listener = std::move(*listener);
    return {};
}

}  // namespace

Result<Tracer> Tracer::open(const Instance& instance, const std::optional<std::string>& device, std::uint32_t queue) {
    auto ingress = ingress_device(instance, device);
    if (!ingress) return fail(std::move(ingress.error()));
    if (auto there = check_queue(*ingress, queue); !there) return fail(std::move(there.error()));
    auto program = instance.pins().open("prog");
    if (!program) return fail(std::move(program.error()));
    return Tracer(instance, std::move(*program), std::move(*ingress), queue);
}

Result<contract::trace> Tracer::run(std::span<const std::uint8_t> frame, std::uint32_t ifindex) const {
    if (frame.size() < smallest_frame)
        return fail(ErrorKind::usage, fmt::format("a frame of {} bytes has no Ethernet header", frame.size()));
    contract::trace trace{};
    trace.key = instance_->settings().trace_key;
    const auto metadata = std::bit_cast<std::array<std::uint8_t, sizeof trace>>(trace);
    const auto output = test_run(program_.get(), {metadata, frame, ifindex, ifindex == this->ifindex() ? queue_ : 0});
    if (!output) return fail(output.error());
    std::memcpy(&trace, output->metadata.data(), sizeof trace);
    if (trace.reason == contract::REASON_UNDECIDED)
        return fail(ErrorKind::failed, "the program gave no trace; its settings were changed meanwhile: try again");
    return trace;
}

Result<Explanation> Tracer::explain(std::span<const std::uint8_t> frame) const {
    const auto trace = run(frame);
    if (!trace) return fail(trace.error());
    Explanation out;
    out.verdict = static_cast<contract::verdict>(trace->verdict);
    out.action = static_cast<contract::verdict>(trace->action);
    out.reason = static_cast<contract::reason>(trace->reason);
    out.stages = stages_of(*trace);
    out.device = device_ ? device_->name : "";
    out.frame.assign(frame.begin(), frame.end());
    out.ends = ends_of(*trace, frame);
    if (auto filled = fill_match(*instance_, *trace, out); !filled) return fail(std::move(filled.error()));
    return out;
}

Result<Explanation> Tracer::explain_captured(std::span<const std::uint8_t> frame) const {
    if (frame.size() >= smallest_frame) return explain(frame);
    Explanation out;
    out.reason = contract::REASON_BAD_ETHERNET;
    out.verdict = contract::VERDICT_DROP;
    if (settings_in_force(*instance_).mode == Mode::enforce) out.action = out.verdict;
    out.device = device_ ? device_->name : "";
    out.frame.assign(frame.begin(), frame.end());
    return out;
}

Result<Explanation> explain(const Instance& instance, const ExplainRequest& request) {
    const auto tracer = Tracer::open(instance, request.device, request.queue);
    if (!tracer) return fail(tracer.error());
    // The program asks to whom the frame is sent. A neighbour that has a packet for this host names the device.
    PacketSpec packet_there = request.packet;
    packet_there.destination_mac = tracer->mac();
    const auto frame = build_packet(packet_there);
    if (!frame) return fail(frame.error());
    auto explanation = tracer->explain(*frame);
    if (!explanation) return explanation;
    const FlowKey packet{request.packet.proto, request.packet.destination, request.packet.source};
    const bool has_ports = request.packet.part != PacketPart::later_fragment;
    if (has_ports) {
        if (auto added = add_kernel_view(instance, packet, tracer->ifindex(), *explanation); !added)
            return fail(added.error());
    }
    return explanation;
}

Result<Explanation> explain_frame(const Instance& instance, std::span<const std::uint8_t> frame,
                                  const std::optional<std::string>& device) {
    const auto tracer = Tracer::open(instance, device);
    if (!tracer) return fail(tracer.error());
    return tracer->explain(frame);
}

}  // namespace xdemux
