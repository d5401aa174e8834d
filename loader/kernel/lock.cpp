// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xdemux/kernel/lock.h>
#include <xdemux/kernel/process.h>

namespace xdemux {
namespace {

using Clock = std::chrono::steady_clock;
// flock has no time-out of its own, and interrupting it takes a signal, which a library leaves alone: ask again.
constexpr std::chrono::milliseconds ask_again{10};

Result<Fd> open_lock_file(const std::string& directory, const std::string& path) {
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
        const int error_number = errno;
        return fail_system(error_number, fmt::format("cannot make directory \"{}\"", directory));
    }
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.valid()) return file;
    Error error = Error::system(errno, fmt::format("cannot open lock file \"{}\"", path));
    if (error.kind() == ErrorKind::not_permitted) error = error.with_remedy("run as root or with sudo");
    return fail(std::move(error));
}

/// Who wrote its number into the file; none in the moment before it has done so.
std::optional<pid_t> holder_of(const Fd& file) {
    char text[16];
    const ssize_t size = ::pread(file.get(), text, sizeof text, 0);
    pid_t pid = 0;
    if (size <= 0 || std::from_chars(text, text + size, pid).ec != std::errc() || pid <= 0) return std::nullopt;
    return pid;
}

/// "process 811 (xdemux)"
std::string describe_holder(const Fd& file) {
    const auto pid = holder_of(file);
    if (!pid) return "another process";
    const std::string name = process_name(*pid);
    return name.empty() ? fmt::format("process {}", *pid) : fmt::format("process {} ({})", *pid, name);
}

Error held_elsewhere(std::string_view instance, std::chrono::milliseconds wait, const Fd& file) {
    return {ErrorKind::in_use,
            fmt::format("cannot change instance \"{}\": {} is changing it and did not finish within "
                        "{:g} s; try again when it has ended",
                        instance, describe_holder(file), std::chrono::duration<double>(wait).count())};
}

// The number serves messages alone, so a full /run must not stop us: the flock is the lock.
void clear_holder(const Fd& file) {
    [[maybe_unused]] const int ignored = ::ftruncate(file.get(), 0);
}

void write_holder(const Fd& file) {
    clear_holder(file);  // a killed holder has left its number
    const std::string pid = fmt::format("{}\n", ::getpid());
    [[maybe_unused]] const ssize_t ignored = ::pwrite(file.get(), pid.data(), pid.size(), 0);
}

}  // namespace

Result<InstanceLock> InstanceLock::acquire(std::string_view instance, std::chrono::milliseconds wait,
                                           std::string_view directory) {
    const std::string path = fmt::format("{}/{}.lock", directory, instance);
    auto file = open_lock_file(std::string(directory), path);
    if (!file) return fail(std::move(file.error()));

    const auto deadline = Clock::now() + wait;
    while (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
        const int error_number = errno;
        if (error_number == EINTR) continue;
        if (error_number != EWOULDBLOCK) return fail_system(error_number, fmt::format("cannot lock \"{}\"", path));
        const auto left = deadline - Clock::now();
        if (left <= Clock::duration::zero()) return fail(held_elsewhere(instance, wait, *file));
        std::this_thread::sleep_for(std::min<Clock::duration>(left, ask_again));
    }
    write_holder(*file);
    return InstanceLock(std::move(*file));
}

InstanceLock::~InstanceLock() {
    if (file_.valid()) clear_holder(file_);
}

Result<MonitorLock> MonitorLock::acquire(std::string_view instance, std::string_view directory) {
    const std::string path = fmt::format("{}/{}.monitor.lock", directory, instance);
    auto file = open_lock_file(std::string(directory), path);
    if (!file) return fail(std::move(file.error()));
    while (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
        const int error_number = errno;
        if (error_number == EINTR) continue;
        if (error_number != EWOULDBLOCK) return fail_system(error_number, fmt::format("cannot lock \"{}\"", path));
        return fail(ErrorKind::in_use, fmt::format("cannot read the events of instance \"{}\": {} reads them; end it "
                                                   "first",
                                                   instance, describe_holder(*file)));
    }
    write_holder(*file);
    return MonitorLock(std::move(*file));
}

MonitorLock::~MonitorLock() {
    if (file_.valid()) clear_holder(file_);
}

}  // namespace xdemux
