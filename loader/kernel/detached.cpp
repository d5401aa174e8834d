// SPDX-License-Identifier: BSD-2-Clause
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
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

void leave_everything(const char* name) {
    ::setsid();
    ::signal(SIGHUP, SIG_IGN);
    [[maybe_unused]] const int moved = ::chdir("/");
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd)
        ::dup2(null, fd);
    ::close_range(3, ~0U, 0);
    ::prctl(PR_SET_NAME, name);
}

/// Of CLOCK_BOOTTIME, as this time namespace shows it.
timespec time_of(std::uint64_t boot_ns) {
    const auto shown = boot_ns + static_cast<std::uint64_t>(boot_offset_ns());
    return {static_cast<time_t>(shown / std::uint64_t{ns_per_second}),
            static_cast<long>(shown % std::uint64_t{ns_per_second})};
}

/// Readable from then on; invalid where there is none to be had.
Fd timer_at(const timespec& until) {
    Fd timer(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC));
    const itimerspec at{{}, until};
    if (timer.valid() && ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &at, nullptr) != 0) return Fd();
    return timer;
}

void sleep_until(const timespec& until) {
    while (::clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

}  // namespace

Status run_detached(const char* name, const std::function<void()>& work) {
    const auto failed = [name](int error_number) {
        return fail_system(error_number, fmt::format("cannot make the process \"{}\"", name));
    };
    const pid_t child = ::fork();
    if (child < 0) return failed(errno);
    if (child == 0) {
        // The process between ends at once, so that nobody has to wait for the other.
        const pid_t grandchild = ::fork();
        if (grandchild != 0) ::_exit(grandchild < 0 ? errno : 0);
        leave_everything(name);
        work();
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return failed(WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD);
}

bool wait_while_file_stays(const char* path, std::uint64_t until_boot_ns) {
    const timespec until = time_of(until_boot_ns);
    const Fd timer = timer_at(until);
    const Fd watch(::inotify_init1(IN_CLOEXEC));
    // A file that is replaced by rename(2) loses its last link.
    const bool watched = ::inotify_add_watch(watch.get(), path, IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB) >= 0;
    if (!watched && errno == ENOENT) return false;
    if (!watched || !timer.valid()) {
        sleep_until(until);
        return true;
    }
    std::array<pollfd, 2> polled = {pollfd{timer.get(), POLLIN, 0}, pollfd{watch.get(), POLLIN, 0}};
    while (::poll(polled.data(), polled.size(), -1) < 0 && errno == EINTR) {
    }
    return polled[0].revents != 0;
}

}  // namespace xdemux
