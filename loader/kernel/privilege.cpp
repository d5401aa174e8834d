// SPDX-License-Identifier: BSD-2-Clause
#include <cassert>
#include <cstdint>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xdemux/kernel/privilege.h>

namespace xdemux {

bool has_capability(int capability) {
    assert(capability >= 0 && capability < 64);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
    if (::syscall(SYS_capget, &header, sets) != 0) return false;
    const auto bit = static_cast<unsigned>(capability);
    return ((sets[bit / 32].effective >> (bit % 32)) & 1U) != 0;
}

Status require_capabilities() {
    std::vector<std::string_view> missing;
    // CAP_SYS_ADMIN contains what was split off from it: CAP_BPF, and CAP_PERFMON for what the program does to
    // pointers.
    const bool all = has_capability(CAP_SYS_ADMIN);
    if (!all && !has_capability(CAP_BPF)) missing.emplace_back("CAP_BPF");
    if (!has_capability(CAP_NET_ADMIN)) missing.emplace_back("CAP_NET_ADMIN");
    if (!all && !has_capability(CAP_PERFMON)) missing.emplace_back("CAP_PERFMON");
    if (missing.empty()) return {};
    return fail(ErrorKind::not_permitted,
                fmt::format("not permitted: {} missing; run as root or with sudo", fmt::join(missing, " and ")));
}

}  // namespace xdemux
