// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include <xdemux/ops/attach.h>
#include <xdemux/ops/doctor.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/settings.h>

namespace xdemux {
namespace {

/// What of an instance matters here; nothing where there is none, or it may not be read.
struct Known {
    ListenerSet listeners;
    std::set<std::uint32_t> attached;  ///< ifindexes
    std::vector<TargetRow> targets;
    std::optional<std::uint32_t> socket_lookup;  ///< id of the sk_lookup program, where it is attached
    bool host = true;
};

std::optional<std::uint32_t> socket_lookup_of(const Instance& instance) {
    const auto program = instance.pins().open("sk_lookup");
    if (!program) return std::nullopt;
    const auto id = program_id(program->get());
    return id ? std::optional(*id) : std::nullopt;
}

Known known_of(std::string_view name) {
    Known known;
    const auto instance = Instance::open(name);
    if (!instance) return known;
    if (auto listeners = read_listeners(*instance)) known.listeners = std::move(*listeners);
    for (const auto& each : attached_interfaces(*instance).value_or(std::vector<AttachedInterface>{})) {
        if (each.state == InterfaceState::attached) known.attached.insert(each.ifindex);
    }
    if (auto targets = target_rows(*instance)) known.targets = std::move(*targets);
    known.socket_lookup = socket_lookup_of(*instance);
    known.host = settings_in_force(*instance).host;
    return known;
}

/// A route of its own is what an address gives a device.
Result<std::vector<Interface>> with_addresses(const std::vector<Interface>& all) {
    const auto routes = local_routes();
    if (!routes) return fail(routes.error());
    std::vector<Interface> chosen;
    std::ranges::copy_if(all, std::back_inserter(chosen), [&](const Interface& each) {
        return each.up && !each.loopback &&
               std::ranges::any_of(*routes, [&](const LocalRoute& route) { return route.ifindex == each.ifindex; });
    });
    return chosen;
}

Result<std::vector<Interface>> choose(const std::vector<Interface>& all, const std::optional<std::string>& device,
                                      const Known& known) {
    if (device) {
        auto named = interface_by_name(*device);
        if (!named) return fail(std::move(named.error()));
        return std::vector{std::move(*named)};
    }
    if (known.attached.empty()) return with_addresses(all);
    std::vector<Interface> chosen;
    std::ranges::copy_if(all, std::back_inserter(chosen),
                         [&](const Interface& each) { return known.attached.contains(each.ifindex); });
    return chosen;
}

void append(std::vector<Finding>& findings, std::vector<Finding> more) {
    findings.insert(findings.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void examine_traffic(std::vector<Finding>& findings, const std::set<std::uint32_t>& devices, const Known& known) {
    const auto facts = traffic_facts(devices);
    if (!facts) {
        findings.push_back({Severity::warning, FindingGroup::traffic, "unseen_receivers", "host",
                            facts.error().message(),
                            "who else receives packets, unseen by the kernel's socket look-up, is not to be known"});
        return;
    }
    append(findings, judge_traffic(*facts, {known.listeners, known.host}));
    append(findings, judge_ephemeral(*facts, known.listeners));
}

}  // namespace

Result<std::vector<Finding>> diagnose(std::string_view instance, const std::optional<std::string>& device) {
    const auto all = interfaces();
    if (!all) return fail(all.error());
    const Known known = known_of(instance);
    const auto chosen = choose(*all, device, known);
    if (!chosen) return fail(chosen.error());

    std::vector<Finding> findings = judge_kernel(kernel_facts());
    std::set<std::uint32_t> devices;
    for (const auto& each : *chosen) {
        append(findings, judge_device(device_facts(each, *all, known.attached)));
        devices.insert(each.ifindex);
    }
    examine_traffic(findings, devices, known);
    append(findings, judge_targets(known.targets));
    if (const auto facts = socket_facts(known.socket_lookup)) append(findings, judge_sockets(*facts, known.listeners));
    return findings;
}

}  // namespace xdemux
