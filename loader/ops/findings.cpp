// SPDX-License-Identifier: BSD-2-Clause
// About the kernel and the interfaces; about the traffic: findings_traffic.cpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <xdemux/kernel/link.h>
#include <xdemux/ops/findings.h>

namespace xdemux {
namespace {

constexpr std::uint64_t usual_tables = std::uint64_t{64} << 20;  // bytes, of a default instance on few CPUs, rounded up

Finding fine(FindingGroup group, std::string id, std::string object, std::string what) {
    return {Severity::ok, group, std::move(id), std::move(object), std::move(what)};
}

Finding about_kernel(Severity severity, std::string id, std::string what, std::string why,
                     std::optional<std::string> remedy = {}) {
    return {severity,        FindingGroup::kernel, std::move(id),    "kernel",
            std::move(what), std::move(why),       std::move(remedy)};
}

Finding kernel_version(const KernelFeatures& features) {
    const auto at_least = [&](std::uint32_t major, std::uint32_t minor) {
        return features.major > major || (features.major == major && features.minor >= minor);
    };
    const std::string what = fmt::format("Linux {}", features.release);
    if (at_least(6, 1)) return fine(FindingGroup::kernel, "kernel_version", "kernel", what);
    if (at_least(5, 18))
        return about_kernel(Severity::warning, "kernel_version", what,
                            "Linux 6.1 is the oldest that this is tested on");
    return about_kernel(Severity::blocker, "kernel_version", what,
                        "XDP programs that take frames in fragments need Linux 5.18; 6.1 is the oldest tested");
}

Finding feature(const char* id, const std::optional<bool>& there, const std::string& name, std::string why) {
    if (!there)
        return about_kernel(Severity::note, id, fmt::format("whether the kernel has {} is not to be known", name),
                            "asking needs CAP_BPF and the kernel's type information");
    if (*there) return fine(FindingGroup::kernel, id, "kernel", fmt::format("{}: there", name));
    return about_kernel(Severity::blocker, id, fmt::format("the kernel has no {}", name), std::move(why));
}

Finding helpers(const KernelFeatures& features) {
    if (!features.missing_helpers)
        return about_kernel(Severity::note, "bpf_helpers", "which helpers the kernel has is not to be known",
                            "asking needs CAP_BPF");
    if (features.missing_helpers->empty())
        return fine(FindingGroup::kernel, "bpf_helpers", "kernel", "every helper that the program calls is there");
    return about_kernel(Severity::blocker, "bpf_helpers",
                        fmt::format("the kernel lacks {}", fmt::join(*features.missing_helpers, ", ")),
                        "the program calls them, so it cannot be loaded");
}

Finding jit(const std::optional<bool>& compiled) {
    if (!compiled)
        return about_kernel(Severity::note, "jit", "whether BPF programs are compiled is not to be known",
                            "interpreted ones are several times slower");
    if (!*compiled)
        return about_kernel(Severity::warning, "jit", "BPF programs are interpreted, not compiled",
                            "each packet costs several times as much", "sysctl -w net.core.bpf_jit_enable=1");
    return fine(FindingGroup::kernel, "jit", "kernel", "BPF programs are compiled");
}

Finding memory(const KernelFacts& facts) {
    const std::string id = "memory_limit";
    if (charges_locked_memory(facts.features.major, facts.features.minor) && facts.locked_memory &&
        *facts.locked_memory < usual_tables)
        return about_kernel(Severity::blocker, id, fmt::format("{} bytes may be locked", *facts.locked_memory),
                            "this kernel charges tables to locked memory, and a new instance takes some 47 MB",
                            "ulimit -l unlimited");
    if (facts.cgroup_left && *facts.cgroup_left < usual_tables)
        return about_kernel(Severity::warning, id,
                            fmt::format("the memory cgroup has {} bytes left", *facts.cgroup_left),
                            "tables are charged to it, and a new instance takes some 47 MB; --flows and --listeners "
                            "make it smaller");
    return fine(FindingGroup::kernel, id, "kernel", "memory for the tables is allowed");
}

Finding about_device(const DeviceFacts& facts, Severity severity, std::string id, std::string what, std::string why,
                     std::optional<std::string> remedy = {}) {
    return {severity,        FindingGroup::interface, std::move(id),    facts.device.name,
            std::move(what), std::move(why),          std::move(remedy)};
}

Finding fine(const DeviceFacts& facts, std::string id, std::string what) {
    return fine(FindingGroup::interface, std::move(id), facts.device.name, std::move(what));
}

Finding no_ethernet(const DeviceFacts& facts) {
    return about_device(
        facts, Severity::blocker, "link_type",
        fmt::format("its frames have no Ethernet header (link type {})", link_type_name(facts.device.link_type)),
        "a program finds nothing where it looks for their type, and attach refuses it; the packets are seen at "
        "the interface that they come in by");
}

Finding driver_mode(const DeviceFacts& facts) {
    const std::string& name = facts.device.name;
    const std::string driver = facts.driver ? fmt::format("driver {}", *facts.driver) : "the driver has no name";
    if (!facts.xdp)
        return about_device(facts, Severity::note, "driver_mode", driver,
                            "this kernel does not tell whether it has native XDP; attach tries, and takes generic mode "
                            "where it has not");
    if (facts.xdp->basic) return fine(facts, "driver_mode", fmt::format("{}, native XDP", driver));
    return about_device(facts, Severity::warning, "driver_mode", fmt::format("{}, no native XDP", driver),
                        "generic mode works, but the kernel has allocated for each packet before it is looked at",
                        fmt::format("xdemux attach {} --mode generic", name));
}

/// Without fragments a frame and its headroom must fit in a page, beside the kernel's struct skb_shared_info.
Finding mtu(const DeviceFacts& facts) {
    constexpr std::uint32_t page = 4096;
    constexpr std::uint32_t headroom = 256;  // XDP_PACKET_HEADROOM
    constexpr std::uint32_t tailroom = 320;
    constexpr std::uint32_t layer_two = 14 + 2 * 4;  // Ethernet, two VLAN tags
    constexpr std::uint32_t most = page - headroom - tailroom - layer_two;
    const auto mtu = facts.device.mtu;
    const std::string what = fmt::format("MTU {}", mtu);
    if (mtu <= most || facts.device.loopback)
        return fine(facts, "mtu", fmt::format("{}: a frame fits in a page", what));
    if (facts.xdp && facts.xdp->frames) return fine(facts, "mtu", fmt::format("{}: frames come in fragments", what));
    const bool certain = facts.xdp && facts.xdp->basic;
    return about_device(facts, certain ? Severity::warning : Severity::note, "mtu",
                        fmt::format("{}: a frame does not fit in a page", what),
                        "drivers that do not hand out frames in fragments refuse native XDP then",
                        fmt::format("ip link set dev {} mtu {}", facts.device.name, most));
}

Finding lro(const DeviceFacts& facts) {
    if (!facts.large_receive_offload.value_or(false)) return fine(facts, "lro", "large receive offload is off");
    return about_device(facts, Severity::warning, "lro", "large receive offload is on",
                        "drivers refuse native XDP then, since frames would come merged",
                        fmt::format("ethtool -K {} lro off", facts.device.name));
}

Finding vlan_offload(const DeviceFacts& facts) {
    const std::string id = "receive_vlan_offload";
    if (!facts.receive_vlan_offload.value_or(false)) return fine(facts, id, "received VLAN tags are left in place");
    if (!facts.device.has_vlan_above)
        return fine(facts, id, "received VLAN tags are taken off; no VLAN device sits above");
    return about_device(facts, Severity::warning, id, "received VLAN tags are taken off, and VLAN devices sit above",
                        "a program in native mode does not see the tag, so an answer to a rejected packet would leave "
                        "untagged: reject is refused",
                        fmt::format("ethtool -K {} rxvlan off", facts.device.name));
}

Finding queues(const DeviceFacts& facts) {
    const std::uint32_t receive = facts.channels ? facts.channels->receive_queues() : 1;
    const std::string what = fmt::format("{} receive queue{}, {} CPU{}", receive, receive == 1 ? "" : "s", facts.cpus,
                                         facts.cpus == 1 ? "" : "s");
    if (receive >= facts.cpus) return fine(facts, "queues", what);
    std::optional<std::string> remedy;
    if (facts.channels && facts.channels->combined > 0)
        remedy = fmt::format("ethtool -L {} combined {}", facts.device.name, facts.cpus);
    return about_device(facts, Severity::note, "queues", what, "only so many CPUs look at packets at the same time",
                        remedy);
}

Finding program(const DeviceFacts& facts) {
    if (facts.ours) return fine(facts, "xdp_program", "attached to this instance");
    const std::uint32_t id = facts.device.xdp_prog_id;
    if (id == 0) return fine(facts, "xdp_program", "no other XDP program is on it");
    const std::string name = facts.holder.program.empty() ? "" : fmt::format(", \"{}\"", facts.holder.program);
    return about_device(facts, Severity::blocker, "xdp_program",
                        fmt::format("another XDP program is on it (id {}{})", id, name),
                        "an interface has room for one, and xdemux leaves that of others alone",
                        removal_command(facts.device.name, facts.holder));
}

std::string kind_of(const Interface& interface) {
    return interface.kind.empty() ? "device" : interface.kind;
}

void add_topology(const DeviceFacts& facts, std::vector<Finding>& findings) {
    if (!facts.device.up)
        findings.push_back(about_device(facts, Severity::note, "link_down", "it is down", "no packet comes in there",
                                        fmt::format("ip link set dev {} up", facts.device.name)));
    for (const auto& above : facts.above) {
        findings.push_back(about_device(
            facts, Severity::note, "device_above", fmt::format("{} {} sits above", kind_of(above), above.name),
            fmt::format("the kernel's socket look-up is asked as for {}: sockets that are bound to {} are not seen "
                        "(socket_above names them), and closed ports of fe80::/10 are left to the kernel",
                        facts.device.name, above.name)));
    }
    if (facts.forwards_ipv4 || facts.forwards_ipv6)
        findings.push_back(
            about_device(facts, Severity::note, "forwarding",
                         fmt::format("it forwards {}", facts.forwards_ipv4 && facts.forwards_ipv6 ? "IPv4 and IPv6"
                                                       : facts.forwards_ipv4                      ? "IPv4"
                                                                                                  : "IPv6"),
                         "what is for other hosts passes; each drop costs a route look-up that makes sure of it"));
}

}  // namespace

std::string_view severity_name(Severity severity) {
    switch (severity) {
        case Severity::ok:
            return "ok";
        case Severity::note:
            return "note";
        case Severity::warning:
            return "warning";
        case Severity::blocker:
            break;
    }
    return "blocker";
}

std::string_view finding_group_name(FindingGroup group) {
    switch (group) {
        case FindingGroup::kernel:
            return "kernel";
        case FindingGroup::interface:
            return "interface";
        case FindingGroup::traffic:
            return "traffic";
        case FindingGroup::target:
            break;
    }
    return "target";
}

std::vector<Finding> judge_kernel(const KernelFacts& facts) {
    std::vector<Finding> findings;
    findings.push_back(kernel_version(facts.features));
    findings.push_back(feature("bpf_link", facts.features.xdp_link, "links of XDP programs",
                               "a program could not be replaced without losing packets"));
    findings.push_back(feature("xdp_frags", facts.features.frags, "XDP programs that take frames in fragments",
                               "the program cannot be loaded"));
    findings.push_back(helpers(facts.features));
    findings.push_back(facts.features.btf
                           ? fine(FindingGroup::kernel, "btf", "kernel", "type information (BTF): there")
                           : about_kernel(Severity::note, "btf", "the kernel has no type information (BTF)",
                                          "bpftool may show tables without field names"));
    findings.push_back(jit(facts.features.compiled));
    findings.push_back(facts.bpffs
                           ? fine(FindingGroup::kernel, "bpffs", "kernel", "a BPF file system is at /sys/fs/bpf")
                           : about_kernel(Severity::blocker, "bpffs", "no BPF file system at /sys/fs/bpf",
                                          "tables and programs live there", "mount -t bpf bpf /sys/fs/bpf"));
    findings.push_back(facts.capabilities
                           ? about_kernel(Severity::blocker, "capabilities", *facts.capabilities,
                                          "programs cannot be loaded and attached without", "sudo xdemux doctor")
                           : fine(FindingGroup::kernel, "capabilities", "kernel", "the capabilities are there"));
    findings.push_back(memory(facts));
    return findings;
}

std::vector<Finding> judge_targets(std::span<const TargetRow> rows) {
    std::vector<Finding> findings;
    for (const TargetRow& row : rows) {
        const std::string object = row.target.to_string();
        if (row.hindrance.empty()) {
            findings.push_back(fine(FindingGroup::target, "target", object, "it can act"));
            continue;
        }
        const auto fallback = row.target.fallback.value_or(TargetKind::pass);
        findings.push_back({Severity::warning, FindingGroup::target, "target", object, row.hindrance,
                            fmt::format("its packets take the fallback: {}", target_kind_name(fallback))});
    }
    return findings;
}

std::vector<Finding> judge_device(const DeviceFacts& facts) {
    std::vector<Finding> findings;
    if (!has_ethernet_header(facts.device)) findings.push_back(no_ethernet(facts));
    for (const auto& judge : {driver_mode, program, mtu, lro, vlan_offload, queues})
        findings.push_back(judge(facts));
    add_topology(facts, findings);
    return findings;
}

}  // namespace xdemux
