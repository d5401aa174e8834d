// SPDX-License-Identifier: BSD-2-Clause
// What a test bed does to maps, by libbpf alone: what the library does is under test. Each throws what went wrong.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace xdemux::test {

[[noreturn]] inline void give_up(const std::string& what, int error = errno) {
    throw std::runtime_error(what + ": " + std::strerror(error));
}

inline int fd_of(const bpf_map* map) {
    return bpf_map__fd(map);
}

/// What a value of a per-CPU map has room for.
inline std::size_t possible_cpus() {
    return static_cast<std::size_t>(libbpf_num_possible_cpus());
}

template <typename Key, typename Value>
requires(!std::is_pointer_v<Key> && !std::is_pointer_v<Value>) void put(const bpf_map* map, const Key& key,
                                                                        const Value& value) {
    if (bpf_map_update_elem(fd_of(map), &key, &value, BPF_ANY) != 0)
        give_up(std::string("cannot write to ") + bpf_map__name(map));
}

/// Of a per-CPU map: a value for each possible CPU.
template <typename Key, typename Value>
void put(const bpf_map* map, const Key& key, const std::vector<Value>& values) {
    if (bpf_map_update_elem(fd_of(map), &key, values.data(), BPF_ANY) != 0)
        give_up(std::string("cannot write to ") + bpf_map__name(map));
}

/// How many there are; `each` may erase the key that it is given.
template <typename Key>
std::size_t for_each_key(const bpf_map* map, auto&& each) {
    Key key{}, next{};
    std::size_t count = 0;
    for (int error = bpf_map_get_next_key(fd_of(map), nullptr, &next); error == 0; count++) {
        key = next;
        error = bpf_map_get_next_key(fd_of(map), &key, &next);
        each(key);
    }
    return count;
}

template <typename Key>
void erase_all(const bpf_map* map) {
    for_each_key<Key>(map, [&](const Key& key) {
        if (bpf_map_delete_elem(fd_of(map), &key) != 0 && errno != ENOENT) give_up("cannot delete");
    });
}

}  // namespace xdemux::test
