// SPDX-License-Identifier: BSD-2-Clause
#include "lease_register_file.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xdemux/kernel/lock.h>
#include <xdemux/kernel/text_file.h>

#include "whole_file.h"

namespace xdemux {
namespace {

std::string path_of(std::string_view instance, std::string_view end) {
    return fmt::format("{}/{}.{}", InstanceLock::default_directory, instance, end);
}

/// A lock of its own: whoever holds the instance's may change leases too.
Result<InstanceLock> lock(std::string_view instance) {
    return InstanceLock::acquire(fmt::format("{}.leases", instance));
}

Result<LeaseRegister> read_register(const std::string& path) {
    const auto text = read_text_file(path);
    if (!text) return fail(text.error());
    if (!*text) return LeaseRegister{};
    auto owners = parse_lease_register(**text);
    if (owners) return std::move(*owners);
    return fail(ErrorKind::failed,
                fmt::format("\"{}\" is no register of leases; delete it, and the leases are of nobody", path));
}

}  // namespace

void LeaseRegisterFile::Unmap::operator()(std::atomic<std::uint64_t>* number) const {
    ::munmap(number, sizeof *number);
}

std::string LeaseRegisterFile::path() const {
    return path_of(instance_, "leases");
}

Result<LeaseRegisterFile> LeaseRegisterFile::open(std::string_view instance, std::uint64_t table) {
    static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
    // Taking the lock makes the directory.
    const auto locked = lock(instance);
    if (!locked) return fail(locked.error());
    const std::string path = path_of(instance, "leases.generation");
    const std::string what = fmt::format("cannot open \"{}\"", path);
    const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_system(errno, what);
    if (::ftruncate(file.get(), sizeof(std::uint64_t)) != 0) return fail_system(errno, what);
    auto generation = map(file, what);
    if (!generation) return fail(generation.error());
    return LeaseRegisterFile(std::string(instance), table, std::move(*generation));
}

Result<LeaseRegisterFile::Generation> LeaseRegisterFile::map(const Fd& file, const std::string& what) {
    void* const memory = ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) return fail_system(errno, what);
    return Generation(static_cast<std::atomic<std::uint64_t>*>(memory));
}

// Where there is no such file, nobody has leased.
void LeaseRegisterFile::note_change(std::string_view instance) {
    const std::string path = path_of(instance, "leases.generation");
    const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid()) return;
    if (const auto generation = map(file, path)) (*generation)->fetch_add(1, std::memory_order_seq_cst);
}

Result<LeaseRegister> LeaseRegisterFile::read() const {
    return read_lease_register(instance_, table_);
}

// A port that is reserved stands in the register all the while, so that of a killed writer none stays reserved that
// nobody knows of; what stands there and is not reserved yet, the next change reserves.
Status LeaseRegisterFile::change(const std::function<Status(LeaseRegister& owners)>& change,
                                 const Settle& settle) const {
    const auto locked = lock(instance_);
    if (!locked) return fail(locked.error());
    const auto before = read();
    if (!before) return fail(before.error());
    LeaseRegister after = *before;
    if (auto changed = change(after); !changed) return changed;
    if (after == *before) return settle(*before, after);
    PortSet more = after.reserved;
    more.remove(before->reserved);
    auto put = more.empty() ? settle_and_write(*before, after, settle) : write_and_settle(*before, after, settle);
    if (!put) return put;
    generation_->fetch_add(1, std::memory_order_seq_cst);
    return {};
}

Status LeaseRegisterFile::settle_and_write(const LeaseRegister& before, const LeaseRegister& after,
                                           const Settle& settle) const {
    if (auto settled = settle(before, after); !settled) return settled;
    auto written = write_whole_file(path(), to_text(after));
    if (!written) (void)settle(after, before);
    return written;
}

Status LeaseRegisterFile::write_and_settle(const LeaseRegister& before, const LeaseRegister& after,
                                           const Settle& settle) const {
    if (auto written = write_whole_file(path(), to_text(after)); !written) return written;
    auto settled = settle(before, after);
    if (!settled) (void)write_whole_file(path(), to_text(before));
    return settled;
}

Result<LeaseRegister> read_lease_register(std::string_view instance, std::uint64_t table) {
    auto owners = read_register(path_of(instance, "leases"));
    if (!owners || owners->table == table) return owners;
    // Of a table that is no more: its ports may still be kept from the kernel.
    LeaseRegister empty;
    empty.table = table;
    empty.reserved = owners->reserved;
    return empty;
}

Status remove_lease_register(std::string_view instance, const LeaseRegisterFile::Settle& settle) {
    const std::string path = path_of(instance, "leases");
    if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
    const auto locked = lock(instance);
    if (!locked) return fail(locked.error());
    const auto text = read_text_file(path);
    if (!text) return fail(text.error());
    // One that is damaged holds nothing back.
    const LeaseRegister owners = parse_lease_register(text->value_or(std::string())).value_or(LeaseRegister{});
    if (auto settled = settle(owners, {}); !settled) return settled;
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    const int error_number = errno;
    (void)settle({}, owners);
    return fail_system(error_number, fmt::format("cannot remove \"{}\"", path));
}

}  // namespace xdemux
