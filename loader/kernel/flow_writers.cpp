// SPDX-License-Identifier: BSD-2-Clause
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <new>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xdemux/kernel/flow_writers.h>
#include <xdemux/kernel/process.h>

namespace xdemux {
namespace {

using namespace contract;

constexpr std::uint32_t index_mask = FLOW_WRITERS - 1;

// A lock of the open file rather than of the process, so that it tells two tables of one process apart.
struct flock byte_lock(std::uint32_t index, std::uint32_t count = 1) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = index;
    lock.l_len = count;
    return lock;
}

bool is_held(int error_number) {
    return error_number == EAGAIN || error_number == EACCES;
}

std::uint32_t id_of(std::uint32_t incarnation, std::uint32_t index) {
    return (incarnation & FLOW_INCARNATION_MASK) << FLOW_WRITER_SHIFT | index;
}

Result<Fd> open_file(const std::string& path) {
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.valid()) return file;
    Error error = Error::system(errno, fmt::format("cannot open \"{}\", where writers of flows are known", path));
    if (error.kind() == ErrorKind::not_permitted) error = error.with_remedy("run as root or with sudo");
    return fail(std::move(error));
}

}  // namespace

void FlowWriters::Unmap::operator()(std::uint32_t* memory) const {
    ::munmap(memory, sizeof *memory);
}

FlowWriters::FlowWriters(MappedArray<flow_writer> writers, std::string path)
    : writers_(std::move(writers)), path_(std::move(path)) {
    void* const memory =
        ::mmap(nullptr, sizeof(std::uint32_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    mine_.reset(static_cast<std::uint32_t*>(memory));
    if (::madvise(memory, sizeof(std::uint32_t), MADV_WIPEONFORK) != 0) throw std::bad_alloc();
}

// A child has its parent's open file, whose locks are the parent's: it opens its own.
Result<std::uint32_t> FlowWriters::take() {
    const std::lock_guard guard(mutex_);
    if (const std::uint32_t mine = std::atomic_ref(*mine_).load(std::memory_order_acquire); mine != 0) return mine;
    auto file = open_file(path_);
    if (!file) return fail(std::move(file.error()));
    for (std::uint32_t index = 0; index < FLOW_WRITERS; ++index) {
        struct flock lock = byte_lock(index);
        if (::fcntl(file->get(), F_OFD_SETLK, &lock) != 0) {
            const int error_number = errno;
            if (is_held(error_number)) continue;
            return fail_system(error_number, fmt::format("cannot lock \"{}\"", path_));
        }
        return begin(std::move(*file), index);
    }
    return fail(ErrorKind::full, fmt::format("{} processes write to the flow table already; end some of them",
                                             static_cast<std::uint32_t>(FLOW_WRITERS)));
}

/// In the name of that index, whose byte of the file is locked.
std::uint32_t FlowWriters::begin(Fd file, std::uint32_t index) {
    flow_writer& writer = writers_[index];
    std::uint32_t incarnation = std::atomic_ref(writer.incarnation).load() + 1;
    if ((incarnation & FLOW_INCARNATION_MASK) == 0) ++incarnation;  // an id is never 0
    std::atomic_ref(writer.incarnation).store(incarnation);
    std::atomic_ref(writer.pid).store(static_cast<std::uint32_t>(::getpid()));
    file_ = std::move(file);
    std::atomic_ref(*mine_).store(id_of(incarnation, index), std::memory_order_release);
    return id_of(incarnation, index);
}

// The lock that is in the way tells the index; it may be gone meanwhile.
Error FlowWriters::others(const Fd& file) const {
    struct flock lock = byte_lock(0, FLOW_WRITERS);
    const bool known = ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    const std::string who = known ? describe(static_cast<std::uint32_t>(lock.l_start)) : "another process";
    return {ErrorKind::in_use, fmt::format("{} writes to the flow table; try again when it has ended", who)};
}

Status FlowWriters::check_alone() const {
    const auto file = open_file(path_);
    if (!file) return fail(file.error());
    struct flock lock = byte_lock(0, FLOW_WRITERS);
    if (::fcntl(file->get(), F_OFD_GETLK, &lock) != 0)
        return fail_system(errno, fmt::format("cannot ask for the locks of \"{}\"", path_));
    return lock.l_type == F_UNLCK ? Status() : Status(fail(others(*file)));
}

Status FlowWriters::take_alone() {
    const std::lock_guard guard(mutex_);
    auto file = open_file(path_);
    if (!file) return fail(std::move(file.error()));
    struct flock lock = byte_lock(0, FLOW_WRITERS);
    if (::fcntl(file->get(), F_OFD_SETLK, &lock) == 0) {
        begin(std::move(*file), 0);
        return {};
    }
    const int error_number = errno;
    if (is_held(error_number)) return fail(others(*file));
    return fail_system(error_number, fmt::format("cannot lock \"{}\"", path_));
}

bool FlowWriters::ended(std::uint32_t id) const {
    if ((id & FLOW_WRITER_DATA_PATH) != 0 || id == std::atomic_ref(*mine_).load(std::memory_order_acquire))
        return false;
    const std::uint32_t index = id & index_mask;
    if (id_of(std::atomic_ref(writers_[index].incarnation).load(), index) != id) return true;
    struct flock lock = byte_lock(index);
    return ::fcntl(file_.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

std::string FlowWriters::describe(std::uint32_t id) const {
    if ((id & FLOW_WRITER_DATA_PATH) != 0) return "the data path";
    const auto pid = static_cast<pid_t>(std::atomic_ref(writers_[id & index_mask].pid).load());
    const std::string name = process_name(pid);
    return name.empty() ? fmt::format("process {}", pid) : fmt::format("process {} ({})", pid, name);
}

}  // namespace xdemux
