// SPDX-License-Identifier: BSD-2-Clause
// What this kernel can do for us, found by asking it: it loads tiny programs and drops them at once. It attaches
// nothing and judges nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace xdemux {

struct KernelFeatures {
    std::string release;  ///< as uname -r
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    bool btf = false;              ///< /sys/kernel/btf/vmlinux
    std::optional<bool> xdp_link;  ///< bpf_link for XDP, from the kernel's own type information; none: not to be known
    std::optional<bool> frags;     ///< a program may declare that it takes frames in fragments; none: not permitted
    /// Programs are compiled (JIT), as the tiny one was. net.core.bpf_jit_enable would tell too, but is to be seen in
    /// the first network namespace alone. none: not permitted.
    std::optional<bool> compiled;
    /// Those that the data path calls and an XDP program may not; none: not permitted to ask.
    std::optional<std::vector<std::string>> missing_helpers;
};
KernelFeatures kernel_features();

/// What RLIMIT_MEMLOCK allows, in bytes; none: unlimited.
std::optional<std::uint64_t> locked_memory_limit();

/// Whether the kernel charges BPF memory to RLIMIT_MEMLOCK (before Linux 5.11) rather than to the memory cgroup.
constexpr bool charges_locked_memory(std::uint32_t major, std::uint32_t minor) {
    return major < 5 || (major == 5 && minor < 11);
}

/// Bytes that the memory cgroup of this process, and those above it, still allow; none: no limit, or not to be known.
std::optional<std::uint64_t> cgroup_memory_left();

/// What the driver of a device says of its XDP support (netdev netlink family, Linux 6.3).
struct XdpFeatures {
    bool basic = false;   ///< XDP_PASS, DROP, TX in native mode
    bool frames = false;  ///< frames in fragments (rx_sg)
};
/// none: the kernel does not tell.
std::optional<XdpFeatures> xdp_features(std::uint32_t ifindex);

}  // namespace xdemux
