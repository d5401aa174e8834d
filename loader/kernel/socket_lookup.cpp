// SPDX-License-Identifier: BSD-2-Clause
#include <array>
#include <cerrno>
#include <string>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>

#include <xdemux/kernel/socket_lookup.h>

namespace xdemux {
namespace {

constexpr std::size_t most_programs = 64;  // netns_bpf_max_progs() of the kernel

Result<Fd> current_namespace() {
    Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (here.valid()) return here;
    return fail_system(errno, "cannot open the current network namespace");
}

}  // namespace

Result<Fd> create_socket_lookup_link(int program) {
    const auto here = current_namespace();
    if (!here) return fail(here.error());
    const int link = ::bpf_link_create(program, here->get(), BPF_SK_LOOKUP, nullptr);
    if (link >= 0) return Fd(link);
    const int error_number = errno;
    const std::string what = "cannot attach to the network namespace's look-up of sockets";
    if (error_number == E2BIG)
        return fail(ErrorKind::full,
                    what + ": it has as many sk_lookup programs as the kernel allows; bpftool link detach ends one");
    return fail_system(error_number, what);
}

Result<bool> socket_lookup_is_live(int link) {
    bpf_link_info info{};
    __u32 size = sizeof info;
    if (::bpf_obj_get_info_by_fd(link, &info, &size) != 0)
        return fail_system(errno, "cannot inspect an sk_lookup link");
    if (info.type != BPF_LINK_TYPE_NETNS) return fail(ErrorKind::failed, "a pinned link is no sk_lookup link");
    return info.netns.netns_ino != 0;
}

Result<std::vector<std::uint32_t>> socket_lookup_programs() {
    const auto here = current_namespace();
    if (!here) return fail(here.error());
    std::array<__u32, most_programs> ids{};
    __u32 count = ids.size();
    __u32 flags = 0;
    if (::bpf_prog_query(here->get(), BPF_SK_LOOKUP, 0, &flags, ids.data(), &count) != 0)
        return fail_system(errno, "cannot list the sk_lookup programs of the network namespace");
    return std::vector<std::uint32_t>(ids.begin(), ids.begin() + count);
}

}  // namespace xdemux
