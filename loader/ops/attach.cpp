// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/ethtool.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/flows.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/memory.h>
#include <xdemux/ops/targets.h>

namespace xdemux {
namespace {

Result<AttachedInterface> describe_link(const Instance& instance, const LinkPin& pin) {
    const auto link = instance.pins().open_link(pin.ifindex);
    if (!link) return fail(link.error());
    const auto info = link_info(link->get());
    if (!info) return fail(info.error());
    AttachedInterface out{"?", pin.ifindex, XdpAttachment::none, info->program_id, InterfaceState::gone};
    if (info->ifindex == 0) return out;
    // The index counts in the device's namespace alone: here it must be a device that carries our program.
    const auto interface = interface_by_index(pin.ifindex);
    out.state = InterfaceState::elsewhere;
    if (!interface || interface->xdp_prog_id != info->program_id) return out;
    out.dev = interface->name;
    out.xdp_mode = interface->xdp;
    out.state = InterfaceState::attached;
    return out;
}

/// Without an Ethernet header, what stands in the place of its type is not one: such packets would be misjudged.
Status check_link_type(const Interface& device) {
    if (has_ethernet_header(device)) return {};
    return fail(ErrorKind::unsupported,
                fmt::format("cannot attach to {}: its frames have no Ethernet header (link type {}); attach to the "
                            "interface that its packets come in by",
                            device.name, link_type_name(device.link_type)));
}

Result<std::vector<Interface>> find_devices(const std::vector<std::string>& names) {
    if (names.empty()) return fail(ErrorKind::usage, "no interface to attach to");
    std::vector<Interface> devices;
    for (const auto& name : names) {
        auto device = interface_by_name(name);
        if (!device) return fail(device.error());
        if (auto possible = check_link_type(*device); !possible) return fail(std::move(possible.error()));
        const bool twice = std::any_of(devices.begin(), devices.end(),
                                       [&](const Interface& other) { return other.ifindex == device->ifindex; });
        if (!twice) devices.push_back(std::move(*device));
    }
    return devices;
}

bool same_mode(AttachMode wanted, XdpAttachment actual) {
    switch (wanted) {
        case AttachMode::automatic:
            return true;
        case AttachMode::native:
            return actual == XdpAttachment::native;
        case AttachMode::generic:
            break;
    }
    return actual == XdpAttachment::generic;
}

/// Those that are not attached yet.
Result<std::vector<Interface>> to_attach(const std::vector<Interface>& devices,
                                         const std::vector<AttachedInterface>& attached, AttachMode mode) {
    std::vector<Interface> missing;
    for (const auto& device : devices) {
        const auto found = std::find_if(attached.begin(), attached.end(), [&](const AttachedInterface& each) {
            return each.ifindex == device.ifindex && each.state == InterfaceState::attached;
        });
        if (found == attached.end()) {
            missing.push_back(device);
        } else if (!same_mode(mode, found->xdp_mode)) {
            return fail(ErrorKind::in_use, fmt::format("{} is attached in {} mode already; detach it first",
                                                       device.name, xdp_attachment_name(found->xdp_mode)));
        }
    }
    return missing;
}

Status check_capacity(const Instance& instance, std::string_view what, std::uint32_t capacity,
                      std::optional<std::uint32_t> wanted) {
    if (!wanted || *wanted == capacity) return {};
    return fail(ErrorKind::in_use, fmt::format("instance \"{}\" has room for {} {}, not {}; unload it to change that",
                                               instance.name(), capacity, what, *wanted));
}

Status check_settings(const Instance& instance, const AttachRequest& request) {
    const Settings actual = decode(instance.settings().rules);
    const Settings wanted = request.settings.apply(actual);
    if (!(wanted == actual))
        return fail(ErrorKind::in_use,
                    fmt::format("instance \"{}\" has other settings: {}; change them with xdemux set", instance.name(),
                                describe_difference(actual, wanted)));
    if (auto same = check_capacity(instance, "flows", instance.tables().flows.capacity(), request.flows); !same)
        return same;
    return check_capacity(instance, "listeners", instance.tables().listeners.capacity(), request.listeners);
}

Result<bool> any_reject(const Instance& instance) {
    const auto& settings = instance.settings();
    if (settings.rules.closed == contract::VERDICT_REJECT || settings.fallback.closed == contract::VERDICT_REJECT)
        return true;
    const auto listeners = read_listeners(instance);
    if (!listeners) return fail(listeners.error());
    for (const auto& [id, listener] : listeners->listeners()) {
        if (listener.target.kind == TargetKind::reject) return true;
    }
    bool found = false;
    const auto walked = for_each_flow(instance, [&](const Flow& flow) {
        found = flow.target.kind == TargetKind::reject;
        return !found;
    });
    if (!walked) return fail(walked.error());
    return found;
}

/// Whether what is steered to CPUs gets there from an interface in this mode.
Status check_steering(const Instance& instance, const Interface& device, XdpAttachment mode) {
    if (hands_to_cpus(mode) || instance.created()) return {};  // a new one steers nothing
    const auto targets = read_targets(instance.tables());
    if (!targets) return fail(targets.error());
    for (const auto& [number, target] : targets->targets()) {
        if (target.kind != TargetKind::cpu) continue;
        return fail(ErrorKind::unsupported,
                    fmt::format("cannot attach to {} in generic mode: packets are steered to {}, and there the kernel "
                                "loses what is handed to another CPU",
                                device.name, target.to_string()));
    }
    return {};
}

/// Asks for what could go wrong with reject only where the interface gives reason to.
Status check_new_link(const Instance& instance, const Interface& device, AttachMode mode) {
    const XdpAttachment at_best = mode == AttachMode::generic ? XdpAttachment::generic : XdpAttachment::native;
    if (auto steered = check_steering(instance, device, at_best); !steered) return steered;
    auto possible = check_reject(device, at_best);
    if (possible) return {};
    const auto rejects = any_reject(instance);
    if (!rejects) return fail(rejects.error());
    return *rejects ? possible : Status();
}

/// The links made so far; takes them back unless told to keep them.
class NewLinks {
  public:
    explicit NewLinks(const Instance& instance) : pins_(instance.pins()) {}
    ~NewLinks() {
        for (const auto ifindex : made_)
            [[maybe_unused]] const Status best_effort = pins_.remove_link(ifindex);
    }
    NewLinks(const NewLinks&) = delete;
    NewLinks& operator=(const NewLinks&) = delete;

    Status add(int program, const Interface& device, AttachMode mode) {
        // Of a device that was moved away and whose index is another device's now.
        if (pins_.has(fmt::format("link_{}", device.ifindex))) {
            if (auto removed = pins_.remove_link(device.ifindex); !removed) return removed;
        }
        const auto link = create_xdp_link(program, device, mode);
        if (!link) return fail(link.error());
        auto pinned = pins_.pin_link(link->get(), device.ifindex);
        if (pinned) made_.push_back(device.ifindex);
        return pinned;
    }
    void keep() { made_.clear(); }

  private:
    const PinDirectory& pins_;
    std::vector<std::uint32_t> made_;
};

/// An instance that exists only monitors again, unless confirmed.
Status arm_confirm(Instance& instance, const AttachRequest& request) {
    contract::settings settings = instance.settings();
    if (!request.confirm || instance.created() || settings.confirm_by_ns != 0) return {};
    settings.fallback = settings.rules;
    settings.fallback.mode = contract::MODE_MONITOR;
    settings.confirm_by_ns = confirm_deadline(*request.confirm);
    return instance.replace_program(settings);
}

Result<AttachReport> report_on(const Instance& instance, const std::vector<Interface>& devices) {
    AttachReport report;
    report.created = instance.created();
    const auto memory = table_memory(instance);
    if (!memory) return fail(memory.error());
    report.memory_bytes = *memory;
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    for (const auto& device : devices) {
        for (const auto& each : *attached) {
            if (each.ifindex == device.ifindex) report.interfaces.push_back(each);
        }
    }
    return report;
}

/// In the mode that each driver took the program in.
Status check_steering(const Instance& instance, const std::vector<Interface>& devices) {
    if (instance.created()) return {};
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    for (const auto& device : devices) {
        const auto found = std::ranges::find(*attached, device.ifindex, &AttachedInterface::ifindex);
        if (found == attached->end()) continue;
        if (auto steered = check_steering(instance, device, found->xdp_mode); !steered) return steered;
    }
    return {};
}

/// All of them, or none. `wanted`: what is reported on, those that were attached before too; whatever may fail is done
/// while the links can still be taken back.
Result<AttachReport> link_all(Instance& instance, const std::vector<Interface>& devices,
                              const std::vector<Interface>& wanted, const AttachRequest& request) {
    for (const auto& device : devices) {
        if (auto possible = check_new_link(instance, device, request.mode); !possible)
            return fail(std::move(possible.error()));
    }
    if (request.dry_run) {
        for (const auto& device : devices) {
            if (device.xdp == XdpAttachment::none || device.xdp == XdpAttachment::offload) continue;
            return fail(attach_error(EBUSY, device, request.mode));
        }
        return report_on(instance, wanted);
    }
    if (auto fresh = refresh_locals(instance); !fresh) return fail(std::move(fresh.error()));
    const contract::settings before = instance.settings();
    if (auto armed = arm_confirm(instance, request); !armed) return fail(std::move(armed.error()));
    const auto program = instance.pins().open("prog");
    if (!program) return fail(program.error());
    NewLinks links(instance);
    Status done;
    for (const auto& device : devices) {
        if (done) done = links.add(program->get(), device, request.mode);
    }
    if (done) done = check_steering(instance, devices);
    // Once more: which devices are attached decides what stands first.
    if (done) done = refresh_locals(instance);
    auto report = done ? report_on(instance, wanted) : Result<AttachReport>(fail(std::move(done.error())));
    if (report) {
        links.keep();
        return report;
    }
    if (instance.settings().confirm_by_ns != before.confirm_by_ns) {
        if (auto restored = instance.replace_program(before); !restored) return fail(std::move(restored.error()));
    }
    return report;
}

InstanceOptions options_of(const AttachRequest& request) {
    InstanceOptions options;
    options.settings = request.settings.apply(Settings{});
    if (request.flows) options.flows = *request.flows;
    if (request.listeners) options.listeners = *request.listeners;
    options.shared_port_counters = request.shared_port_counters;
    options.confirm = request.confirm;
    options.verifier_log = request.verifier_log;
    return options;
}

/// Asked last, when all else would do.
Status guard_attach(const Instance& instance, const std::vector<Interface>& devices, const AttachRequest& request) {
    if (!request.safeguard || devices.empty()) return {};
    const auto before = rules_in_force(instance, *request.safeguard);
    if (!before) return fail(before.error());
    RulesInForce after = *before;
    for (const auto& device : devices)
        after.devices.insert(device.ifindex);
    if (auto safe = check_operators(*before, after, *request.safeguard); !safe) return safe;
    return check_traffic(*before, after, instance.created());
}

/// It has no name here.
constexpr auto moved_remedy = "one that was moved to another namespace is detached by detach --all";

Result<std::vector<std::uint32_t>> find_attached(const Instance& instance, std::span<const std::string> devices) {
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    const bool some_moved = std::ranges::count(*attached, InterfaceState::elsewhere, &AttachedInterface::state) > 0;
    std::vector<std::uint32_t> found;
    for (const auto& name : devices) {
        const auto device = interface_by_name(name);
        if (!device) return fail(some_moved ? device.error().with_remedy(moved_remedy) : device.error());
        const bool ours = std::any_of(attached->begin(), attached->end(), [&](const AttachedInterface& each) {
            return each.ifindex == device->ifindex && each.state == InterfaceState::attached;
        });
        if (!ours)
            return fail(ErrorKind::not_loaded,
                        fmt::format("{} is not attached to instance \"{}\"", name, instance.name()));
        if (std::find(found.begin(), found.end(), device->ifindex) == found.end()) found.push_back(device->ifindex);
    }
    return found;
}

Status detach_each(Instance& instance, const std::vector<std::uint32_t>& ifindexes) {
    assert(instance.writable());
    if (auto removed = instance.pins().remove_links(ifindexes); !removed) return removed;
    // The change is made. Which addresses stand first, and whether the loopback's count, is else the next command's.
    [[maybe_unused]] const Status best_effort = refresh_locals(instance);
    return {};
}

}  // namespace

std::string_view interface_state_name(InterfaceState state) {
    switch (state) {
        case InterfaceState::attached:
            return "attached";
        case InterfaceState::gone:
            return "gone";
        case InterfaceState::elsewhere:
            break;
    }
    return "elsewhere";
}

Result<std::vector<AttachedInterface>> attached_interfaces(const Instance& instance) {
    const auto pins = instance.pins().links();
    if (!pins) return fail(pins.error());
    std::vector<AttachedInterface> attached;
    for (const auto& pin : *pins) {
        auto described = describe_link(instance, pin);
        // Detached between the two looks.
        if (!described && described.error().kind() == ErrorKind::not_loaded) continue;
        if (!described) return fail(std::move(described.error()));
        attached.push_back(std::move(*described));
    }
    return attached;
}

Result<AttachReport> attach(std::string_view name, const AttachRequest& request) {
    const auto devices = find_devices(request.devices);
    if (!devices) return fail(devices.error());
    auto instance = Instance::open_or_create(name, options_of(request));
    if (!instance) return fail(std::move(instance.error()));
    if (!instance->created()) {
        if (auto agreed = check_settings(*instance, request); !agreed) return fail(std::move(agreed.error()));
    }
    const auto attached = attached_interfaces(*instance);
    if (!attached) return fail(attached.error());
    const auto missing = to_attach(*devices, *attached, request.mode);
    if (!missing) return fail(missing.error());
    if (auto safe = guard_attach(*instance, *missing, request); !safe) return fail(std::move(safe.error()));
    auto report = link_all(*instance, *missing, *devices, request);
    if (!report || request.dry_run) return report;
    if (auto kept = instance->keep(); !kept) return fail(std::move(kept.error()));
    return report;
}

Status detach(Instance& instance, std::span<const std::string> devices, bool dry_run) {
    const auto found = find_attached(instance, devices);
    if (!found) return fail(found.error());
    return dry_run ? Status() : detach_each(instance, *found);
}

Status detach_all(Instance& instance, bool dry_run) {
    const auto pins = instance.pins().links();
    if (!pins) return fail(pins.error());
    std::vector<std::uint32_t> ifindexes;
    for (const auto& pin : *pins)
        ifindexes.push_back(pin.ifindex);
    return dry_run ? Status() : detach_each(instance, ifindexes);
}

Status check_reject(const Interface& interface, XdpAttachment mode) {
    if (mode != XdpAttachment::native || !interface.has_vlan_above) return {};
    const auto offload = receive_vlan_offload(interface.name);
    if (!offload || !*offload) return {};
    return fail(ErrorKind::unsupported,
                fmt::format("cannot reject on {0} in native mode: its driver takes VLAN tags off and VLAN devices sit "
                            "above, so answers would leave untagged; run ethtool -K {0} rxvlan off, or attach it with "
                            "--mode generic",
                            interface.name));
}

Status check_reject(const Instance& instance) {
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    for (const auto& each : *attached) {
        if (each.state != InterfaceState::attached) continue;
        const auto all = interfaces();  // has_vlan_above needs them all
        if (!all) return fail(all.error());
        const auto found =
            std::find_if(all->begin(), all->end(), [&](const Interface& one) { return one.ifindex == each.ifindex; });
        if (found == all->end()) continue;
        if (auto possible = check_reject(*found, each.xdp_mode); !possible) return possible;
    }
    return {};
}

}  // namespace xdemux
