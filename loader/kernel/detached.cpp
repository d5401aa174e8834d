// SPDX-License-Identifier: BSD-2-Clause
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/base/units.h>
#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/detached.h>

namespace xdemux {
namespace {

void leave_everything() {
    ::setsid();
    ::signal(SIGHUP, SIG_IGN);
    [[maybe_unused]] const int moved = ::chdir("/");
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd)
        ::dup2(null, fd);
    ::close_range(3, ~0U, 0);
    ::prctl(PR_SET_NAME, "xdemux-rollback");
}

}  // namespace

Status run_detached(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child < 0) return fail_system(errno, "cannot make a process that rolls back");
    if (child == 0) {
        // The process between ends at once, so that nobody has to wait for the other.
        const pid_t grandchild = ::fork();
        if (grandchild != 0) ::_exit(grandchild < 0 ? errno : 0);
        leave_everything();
        work();
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail_system(WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD, "cannot make a process that rolls back");
}

bool wait_while_file_stays(const char* path, std::uint64_t until_boot_ns) {
    const Fd timer(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC));
    const Fd watch(::inotify_init1(IN_CLOEXEC));
    // timerfd_settime(2) reads times as clock_gettime(2) shows them here.
    const auto until = until_boot_ns + static_cast<std::uint64_t>(boot_offset_ns());
    itimerspec at{};
    at.it_value.tv_sec = static_cast<time_t>(until / std::uint64_t{ns_per_second});
    at.it_value.tv_nsec = static_cast<long>(until % std::uint64_t{ns_per_second});
    ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &at, nullptr);
    // A file that is replaced by rename(2) loses its last link.
    if (::inotify_add_watch(watch.get(), path, IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB) < 0) return false;
    std::array<pollfd, 2> polled = {pollfd{timer.get(), POLLIN, 0}, pollfd{watch.get(), POLLIN, 0}};
    while (::poll(polled.data(), polled.size(), -1) < 0 && errno == EINTR) {
    }
    return polled[0].revents != 0;
}

}  // namespace xdemux
