// SPDX-License-Identifier: BSD-2-Clause
#include "support/big_tables.h"

#include <stdexcept>
#include <string>

#include <bpf/libbpf.h>
#include <unistd.h>

#include "support/bpf_maps.h"

namespace xdemux::test {
namespace {

bpf_map* find(const bpf_object& object, const char* name) {
    bpf_map* const map = bpf_object__find_map_by_name(&object, name);
    if (map == nullptr) throw std::runtime_error(std::string("the object has no ") + name);
    return map;
}

}  // namespace

BigTables& BigTables::of(const contract::settings& settings) {
    static std::array<BigTables, 2> tables;
    return tables.at(settings.shared_counters != 0 ? 1 : 0);
}

void BigTables::lend_to(const bpf_object& object) const {
    if (!ports_) return;
    for (std::size_t i = 0; i < names.size(); i++)
        if (bpf_map__reuse_fd(find(object, names.at(i)), fds_.at(i)) != 0)
            give_up(std::string("cannot lend ") + names.at(i));
}

void BigTables::keep_of(const bpf_object& object) {
    if (ports_) return;
    for (std::size_t i = 0; i < names.size(); i++) {
        fds_.at(i) = ::dup(bpf_map__fd(find(object, names.at(i))));
        if (fds_.at(i) < 0) give_up(std::string("cannot keep ") + names.at(i));
    }
    ports_.emplace(find(object, "port_counters"));
    drops_.emplace(find(object, "port_drops"));
}

}  // namespace xdemux::test
