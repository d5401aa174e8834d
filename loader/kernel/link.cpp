// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>

#include <xdemux/kernel/link.h>
#include <xdemux/kernel/pins.h>

#include "error_number.h"

namespace xdemux {
namespace {

/// A descriptor, or the negated errno.
int try_link(int program, std::uint32_t ifindex, __u32 flags) {
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    options.flags = flags;
    const int fd = ::bpf_link_create(program, static_cast<int>(ifindex), BPF_XDP, &options);
    return fd >= 0 ? fd : -errno;
}

bool occupied(int error_number) {
    return error_number == EBUSY || error_number == EEXIST;
}

/// Whether generic mode can do better.
bool driver_cannot(int error_number) {
    return !occupied(error_number) && error_number != EPERM && error_number != EACCES && error_number != ENODEV;
}

Error occupied_error(const Interface& interface) {
    // As it is now: what we were given was read before we tried.
    const auto now = interface_by_index(interface.ifindex);
    const std::uint32_t id = now ? now->xdp_prog_id : interface.xdp_prog_id;
    if (id == 0)
        return {ErrorKind::in_use, fmt::format("cannot attach to {}: another XDP program is on it", interface.name)};
    const XdpHolder holder = xdp_holder(now ? *now : interface);
    const std::string name = holder.program.empty() ? "" : fmt::format(", \"{}\"", holder.program);
    return {ErrorKind::in_use,
            fmt::format("cannot attach to {}: another XDP program (id {}{}) is on {}; detach it first: {}",
                        interface.name, id, name, interface.name, removal_command(interface.name, holder))};
}

struct Reason {
    ErrorKind kind;
    std::string text;
};

Reason native_reason(int error_number, const Interface& interface) {
    switch (error_number) {
        case EOPNOTSUPP:
        case error_not_supported:
            return {ErrorKind::unsupported, "the driver has no XDP support, or an offload (LRO, GRO_HW) is in its way"};
        case ERANGE:
        case EMSGSIZE:
            return {ErrorKind::unsupported, fmt::format("the MTU of {} or of its peer is too large", interface.mtu)};
        case EINVAL:
            return {ErrorKind::unsupported, "the driver refuses it as it is set: MTU, LRO or queues"};
        case ENOSPC:
        case ENOMEM:
            return {ErrorKind::unsupported, "the driver has too few queues or too little memory for it"};
        default:
            return {ErrorKind::failed, "the driver refuses it"};
    }
}

std::string_view errno_name(int error_number) {
    if (error_number == error_not_supported) return "ENOTSUPP";
    const char* name = ::strerrorname_np(error_number);
    return name == nullptr ? "unknown error" : name;
}

}  // namespace

Result<AttachMode> parse_attach_mode(std::string_view text) {
    for (const auto mode : {AttachMode::automatic, AttachMode::native, AttachMode::generic}) {
        if (text == attach_mode_name(mode)) return mode;
    }
    return fail(ErrorKind::usage, fmt::format("\"{}\" is no mode; there are auto, native, generic", text));
}

std::string_view attach_mode_name(AttachMode mode) {
    switch (mode) {
        case AttachMode::automatic:
            return "auto";
        case AttachMode::native:
            return "native";
        case AttachMode::generic:
            break;
    }
    return "generic";
}

std::string_view xdp_attachment_name(XdpAttachment attachment) {
    switch (attachment) {
        case XdpAttachment::none:
            return "none";
        case XdpAttachment::generic:
            return "generic";
        case XdpAttachment::native:
            return "native";
        case XdpAttachment::offload:
            return "offload";
        case XdpAttachment::multiple:
            break;
    }
    return "multiple";
}

Result<Fd> create_xdp_link(int program, const Interface& interface, AttachMode mode) {
    const bool generic = mode == AttachMode::generic;
    int result = try_link(program, interface.ifindex, generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    if (result < 0 && mode == AttachMode::automatic && driver_cannot(-result)) {
        mode = AttachMode::generic;
        result = try_link(program, interface.ifindex, XDP_FLAGS_SKB_MODE);
    }
    if (result >= 0) return Fd(result);
    return fail(attach_error(-result, interface, mode));
}

XdpHolder xdp_holder(const Interface& device) {
    XdpHolder holder{program_name(device.xdp_prog_id), find_xdp_link(device.ifindex, device.xdp_prog_id), {}};
    for (const auto& instance : PinDirectory::instances()) {
        const auto link = PinDirectory(instance).open_link(device.ifindex);
        const auto info = link ? link_info(link->get()) : Result<LinkInfo>(fail(link.error()));
        if (info && info->id == holder.link) holder.instance = instance;
    }
    return holder;
}

std::string removal_command(std::string_view device, const XdpHolder& holder) {
    if (!holder.instance.empty()) return fmt::format("xdemux --instance {} detach {}", holder.instance, device);
    if (holder.program == "xdp_dispatcher") return fmt::format("xdp-loader unload {} --all", device);
    if (holder.link) return fmt::format("bpftool link detach id {}", *holder.link);
    return fmt::format("ip link set dev {} xdp off", device);
}

Error attach_error(int error_number, const Interface& interface, AttachMode mode) {
    if (occupied(error_number)) return occupied_error(interface);
    const auto mode_text = mode == AttachMode::generic ? "generic" : "native";
    const std::string what = fmt::format("cannot attach to {} in {} mode", interface.name, mode_text);
    if (error_number == EPERM || error_number == EACCES || error_number == ENODEV)
        return Error::system(error_number, what);
    if (mode == AttachMode::generic) {
        if (error_number == EOPNOTSUPP || error_number == EINVAL)
            return Error::system(error_number, what).with_remedy("switch LRO off with ethtool -K DEV lro off");
        return Error::system(error_number, what);
    }
    const Reason reason = native_reason(error_number, interface);
    return {reason.kind, fmt::format("{}: {} ({}); try --mode generic", what, reason.text, errno_name(error_number))};
}

Result<LinkInfo> link_info(int link) {
    bpf_link_info info{};
    __u32 size = sizeof info;
    if (::bpf_obj_get_info_by_fd(link, &info, &size) != 0) return fail_system(errno, "cannot inspect an XDP link");
    if (info.type != BPF_LINK_TYPE_XDP) return fail(ErrorKind::failed, "a pinned link is no XDP link");
    return LinkInfo{info.id, info.prog_id, info.xdp.ifindex};
}

std::optional<std::uint32_t> find_xdp_link(std::uint32_t ifindex, std::uint32_t program_id) {
    for (__u32 id = 0; ::bpf_link_get_next_id(id, &id) == 0;) {
        const Fd link(::bpf_link_get_fd_by_id(id));
        if (!link.valid()) continue;
        const auto info = link_info(link.get());
        if (info && info->ifindex == ifindex && info->program_id == program_id) return id;
    }
    return std::nullopt;
}

Status update_link(int link, int program) {
    if (::bpf_link_update(link, program, nullptr) == 0) return {};
    const int error_number = errno;
    if (error_number == ENOLINK) return fail(ErrorKind::not_found, "cannot replace the program: its device is gone");
    return fail_system(error_number, "cannot replace the program of a link");
}

Status detach_link(int link) {
    if (::bpf_link_detach(link) == 0 || errno == ENOLINK) return {};
    return fail_system(errno, "cannot detach a link");
}

Result<std::uint32_t> program_id(int program) {
    bpf_prog_info info{};
    __u32 size = sizeof info;
    if (::bpf_obj_get_info_by_fd(program, &info, &size) != 0) return fail_system(errno, "cannot inspect a program");
    return info.id;
}

std::string program_name(std::uint32_t id) {
    const Fd program(::bpf_prog_get_fd_by_id(id));
    if (!program.valid()) return {};
    bpf_prog_info info{};
    __u32 size = sizeof info;
    if (::bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) return {};
    return info.name;
}

}  // namespace xdemux
