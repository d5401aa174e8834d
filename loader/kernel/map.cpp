// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <xdemux/kernel/map.h>

#include "error_number.h"

namespace xdemux {
namespace {

constexpr std::uint32_t batch_entries = 4096;

/// The kernel wants room for values in multiples of eight bytes, and copies without padding between them.
std::size_t value_room(std::size_t value_stride) {
    return (value_stride + 7) / 8 * 8;
}

bool batches_unknown(int error_number) {
    return error_number == error_not_supported || error_number == EOPNOTSUPP || error_number == EINVAL;
}

std::uint64_t put_flags(PutMode mode) {
    switch (mode) {
        case PutMode::any:
            return BPF_ANY;
        case PutMode::insert:
            return BPF_NOEXIST;
        case PutMode::replace:
            break;
    }
    return BPF_EXIST;
}

std::string enlarge_remedy(std::string_view table) {
    if (table == "flow_carries") return "delete flows";
    if (table == "blocks") return "unblock sources, or wait until some are";
    if (table == "local_routes")
        return "the host has more local routes, named prefixes and Ethernet addresses than the table holds";
    return "delete listeners, or unload the instance and attach anew with more --listeners";
}

}  // namespace

Result<MapHandle> MapHandle::open(const std::string& path, std::string name) {
    const int fd = ::bpf_obj_get(path.c_str());
    if (fd >= 0) return adopt(Fd(fd), std::move(name));
    const int error_number = errno;
    if (error_number == ENOENT)
        return fail(ErrorKind::not_loaded, fmt::format("no table \"{}\" at \"{}\"", name, path));
    return fail_system(error_number, fmt::format("cannot open table \"{}\"", path));
}

Result<MapHandle> MapHandle::adopt(Fd fd, std::string name) {
    bpf_map_info info{};
    __u32 size = sizeof info;
    if (::bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) {
        const int error_number = errno;
        return fail_system(error_number, fmt::format("cannot inspect table \"{}\"", name));
    }
    MapHandle handle;
    handle.fd_ = std::move(fd);
    handle.name_ = std::move(name);
    handle.id_ = info.id;
    handle.type_ = info.type;
    handle.key_size_ = info.key_size;
    handle.value_size_ = info.value_size;
    handle.capacity_ = info.max_entries;
    return handle;
}

bool MapHandle::per_cpu() const {
    return type_ == BPF_MAP_TYPE_PERCPU_ARRAY || type_ == BPF_MAP_TYPE_PERCPU_HASH ||
           type_ == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

Status MapHandle::check_sizes(std::size_t key_size, std::size_t value_size) const {
    if (key_size_ == key_size && value_size_ == value_size) return {};
    return fail(ErrorKind::failed,
                fmt::format("table \"{}\" has keys of {} and values of {} bytes, this tool expects {} and {}; use the "
                            "tool that made it, or run xdemux unload",
                            name_, key_size_, value_size_, key_size, value_size));
}

Result<bool> MapHandle::find(const void* key, void* value) const {
    if (::bpf_map_lookup_elem(fd(), key, value) == 0) return true;
    const int error_number = errno;
    if (error_number == ENOENT) return false;
    return fail_system(error_number, fmt::format("cannot read table \"{}\"", name_));
}

Status MapHandle::put(const void* key, const void* value, PutMode mode) const {
    if (::bpf_map_update_elem(fd(), key, value, put_flags(mode)) == 0) return {};
    const int error_number = errno;
    switch (error_number) {
        case E2BIG:
        case ENOSPC:
            return fail(ErrorKind::full,
                        fmt::format("table \"{}\" is full at {} entries; {}", name_, capacity_, enlarge_remedy(name_)));
        case EEXIST:
            return fail(ErrorKind::in_use, fmt::format("table \"{}\" has the entry already", name_));
        case ENOENT:
            return fail(ErrorKind::not_found, fmt::format("table \"{}\" does not have the entry", name_));
        default:
            return fail_system(error_number, fmt::format("cannot write to table \"{}\"", name_));
    }
}

Result<bool> MapHandle::erase(const void* key) const {
    if (::bpf_map_delete_elem(fd(), key) == 0) return true;
    const int error_number = errno;
    if (error_number == ENOENT) return false;
    return fail_system(error_number, fmt::format("cannot erase from table \"{}\"", name_));
}

Status MapHandle::for_each(std::size_t value_stride,
                           const std::function<bool(const void* key, const void* value)>& each) const {
    bool can_batch = true;
    auto done = for_each_batched(value_stride, each, can_batch);
    return can_batch ? done : for_each_key(value_stride, each);
}

// `can_batch` turns false only before the first entry was shown.
Status MapHandle::for_each_batched(std::size_t value_stride, const std::function<bool(const void*, const void*)>& each,
                                   bool& can_batch) const {
    std::uint32_t room = std::min(batch_entries, capacity_);
    std::vector<std::byte> keys(std::size_t{room} * key_size_);
    std::vector<std::byte> values(room * value_room(value_stride));
    std::vector<std::byte> token(std::max<std::size_t>(key_size_, sizeof(std::uint64_t)));
    bool first = true;
    for (;;) {
        __u32 count = room;
        const int result = ::bpf_map_lookup_batch(fd(), first ? nullptr : token.data(), token.data(), keys.data(),
                                                  values.data(), &count, nullptr);
        const int error_number = result == 0 ? 0 : errno;
        if (error_number == ENOSPC && room < capacity_) {  // one bucket of the hash holds more than we have room for
            room = std::min(room * 4, capacity_);
            keys.resize(std::size_t{room} * key_size_);
            values.resize(room * value_room(value_stride));
            continue;
        }
        if (first && batches_unknown(error_number)) {
            can_batch = false;
            return {};
        }
        if (error_number != 0 && error_number != ENOENT)
            return fail_system(error_number, fmt::format("cannot walk table \"{}\"", name_));
        for (__u32 i = 0; i < count; ++i) {
            if (!each(&keys[std::size_t{i} * key_size_], &values[i * value_stride])) return {};
        }
        if (error_number == ENOENT) return {};
        first = false;
    }
}

Status MapHandle::for_each_key(std::size_t value_stride,
                               const std::function<bool(const void*, const void*)>& each) const {
    std::vector<std::byte> key(key_size_);
    std::vector<std::byte> next(key_size_);
    std::vector<std::byte> value(value_room(value_stride));
    int result = ::bpf_map_get_next_key(fd(), nullptr, next.data());
    while (result == 0) {
        key = next;
        const auto found = find(key.data(), value.data());
        if (!found) return fail(found.error());
        // The next key comes first: an erased key would send the walk back to the start.
        result = ::bpf_map_get_next_key(fd(), key.data(), next.data());
        const int error_number = result == 0 ? 0 : errno;
        if (*found && !each(key.data(), value.data())) return {};
        if (result == 0) continue;
        if (error_number == ENOENT) return {};
        return fail_system(error_number, fmt::format("cannot walk table \"{}\"", name_));
    }
    const int error_number = errno;
    if (error_number == ENOENT) return {};
    return fail_system(error_number, fmt::format("cannot walk table \"{}\"", name_));
}

Result<std::size_t> possible_cpus() {
    const int count = ::libbpf_num_possible_cpus();
    if (count > 0) return static_cast<std::size_t>(count);
    return fail_system(-count, "cannot count the possible CPUs");
}

Result<MappedMemory> MappedMemory::map(const MapHandle& handle) {
    const std::size_t size = std::size_t{handle.capacity()} * handle.value_size();
    void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, handle.fd(), 0);
    if (data == MAP_FAILED) {
        const int error_number = errno;
        return fail_system(error_number, fmt::format("cannot map table \"{}\"", handle.name()));
    }
    return MappedMemory(data, size);
}

MappedMemory::~MappedMemory() {
    if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace xdemux
