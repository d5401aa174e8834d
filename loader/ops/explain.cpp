// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/test_run.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/listeners.h>

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
};

std::vector<ExplainStage> stages_of(const contract::trace& trace) {
    std::vector<ExplainStage> stages;
    for (const auto& words : stage_words) {
        if ((trace.asked & words.stage) == 0) continue;
        const bool found = (trace.answered & words.stage) != 0;
        const bool limited = words.stage == contract::STAGE_GUARD && trace.reason == contract::REASON_RATE_LIMITED;
        const std::string_view answer = limited ? "the source is over its rate" : words.found;
        stages.push_back({words.name, found, std::string(found ? answer : words.missed)});
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

template <std::size_t Size>
void copy_address(__u8 (&to)[Size], std::span<const std::uint8_t> frame, std::size_t offset, Family family) {
    const std::size_t size = address_bits(family) / 8U;
    if (offset + size <= frame.size()) std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), size, to);
}

/// The flow that matched, from the frame's own addresses where the program found them.
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

Result<contract::trace> run_traced(const Instance& instance, std::span<const std::uint8_t> frame,
                                   std::uint32_t ifindex) {
    const auto program = instance.pins().open("prog");
    if (!program) return fail(program.error());
    contract::trace trace{};
    trace.key = instance.settings().trace_key;
    const auto metadata = std::bit_cast<std::array<std::uint8_t, sizeof trace>>(trace);
    const auto output = test_run(program->get(), {metadata, frame, ifindex});
    if (!output) return fail(output.error());
    std::memcpy(&trace, output->metadata.data(), sizeof trace);
    if (trace.reason == contract::REASON_UNDECIDED)
        return fail(ErrorKind::failed, "the program gave no trace; its settings were changed meanwhile: try again");
    return trace;
}

Status fill_match(const Instance& instance, const contract::trace& trace, Explanation& out) {
    if (trace.target != contract::TARGET_NONE) {
        const auto target = decode_target(trace.target);
        if (!target) return fail(target.error());
        out.target = Target{*target};
    }
    if (out.reason == contract::REASON_FLOW) out.flow = flow_of(trace, out.frame);
    if (trace.listener == 0) return {};
    const auto stored = instance.tables().listeners.find(trace.listener);
    if (!stored) return fail(stored.error());
    if (!*stored) return {};  // deleted meanwhile
    auto listener = decode(trace.listener, **stored);
    if (!listener) return fail(std::move(listener.error()));
    out.listener = std::move(*listener);
    return {};
}

Result<Explanation> explain_on(const Instance& instance, std::span<const std::uint8_t> frame,
                               const std::optional<Interface>& device) {
    const auto trace = run_traced(instance, frame, device ? device->ifindex : 0);
    if (!trace) return fail(trace.error());
    Explanation out;
    out.verdict = static_cast<contract::verdict>(trace->verdict);
    out.action = static_cast<contract::verdict>(trace->action);
    out.reason = static_cast<contract::reason>(trace->reason);
    out.stages = stages_of(*trace);
    out.device = device ? device->name : "";
    out.frame.assign(frame.begin(), frame.end());
    if (auto filled = fill_match(instance, *trace, out); !filled) return fail(std::move(filled.error()));
    return out;
}

}  // namespace

Result<Explanation> explain(const Instance& instance, const ExplainRequest& request) {
    const auto device = ingress_device(instance, request.device);
    if (!device) return fail(device.error());
    const auto frame = build_packet(request.packet);
    if (!frame) return fail(frame.error());
    return explain_on(instance, *frame, *device);
}

Result<Explanation> explain_frame(const Instance& instance, std::span<const std::uint8_t> frame,
                                  const std::optional<std::string>& name) {
    if (frame.size() < smallest_frame)
        return fail(ErrorKind::usage, fmt::format("a frame of {} bytes has no Ethernet header", frame.size()));
    const auto device = ingress_device(instance, name);
    if (!device) return fail(device.error());
    return explain_on(instance, frame, *device);
}

}  // namespace xdemux
