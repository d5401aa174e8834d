// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <xdemux/kernel/bpffs.h>

namespace xdemux {

Status require_bpffs(const std::string& path) {
    struct statfs info {};
    if (::statfs(path.c_str(), &info) != 0) {
        const int error_number = errno;
        if (error_number != ENOENT) return fail_system(error_number, fmt::format("cannot inspect \"{}\"", path));
    } else if (static_cast<unsigned long>(info.f_type) == BPF_FS_MAGIC) {
        return {};
    }
    return fail(
        ErrorKind::unsupported,
        fmt::format("no BPF file system at \"{0}\"; mount one with mount -t bpf bpf {0}, but inside ip netns exec "
                    "leave that and use --netns NAME",
                    path));
}

}  // namespace xdemux
