// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xdemux/kernel/descriptor.h>

namespace xdemux {

Result<Fd> take_descriptor(pid_t pid, int fd) {
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process.valid()) {
        const int error_number = errno;
        if (error_number == ESRCH || error_number == EINVAL)
            return fail(ErrorKind::not_found, fmt::format("there is no process {}", pid));
        return fail_system(error_number, fmt::format("cannot open process {}", pid));
    }
    Fd taken(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
    if (taken.valid()) return taken;
    const int error_number = errno;
    if (error_number == EBADF)
        return fail(ErrorKind::not_found, fmt::format("process {} has no descriptor {} open", pid, fd));
    if (error_number == ESRCH) return fail(ErrorKind::not_found, fmt::format("process {} has ended", pid));
    const Error error = Error::system(error_number, fmt::format("cannot take descriptor {} of process {}", fd, pid));
    return fail(error.kind() == ErrorKind::not_permitted ? error.with_remedy("it needs CAP_SYS_PTRACE: run as root")
                                                         : error);
}

}  // namespace xdemux
