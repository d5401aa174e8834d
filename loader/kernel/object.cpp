// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/kernel/group_table.h>
#include <xdemux/kernel/map.h>
#include <xdemux/kernel/object.h>

#include "libbpf_object.h"

// The generated header names the contract's types without their namespace.
namespace xdemux::contract {
#include "demux.skel.h"
}

namespace xdemux {
namespace {

constexpr std::string_view settings_name = "settings";
constexpr const char* pipeline_name = "xdemux";
constexpr const char* socket_lookup_name = "xdemux_sockets";
constexpr std::size_t log_size = std::size_t{4} << 20;  // bytes; the verifier's log of a refused program
constexpr std::size_t log_lines_shown = 4;

std::string_view last_lines(std::string_view log) {
    while (!log.empty() && log.back() == '\n')
        log.remove_suffix(1);
    std::size_t start = log.size();
    for (std::size_t i = 0; i < log_lines_shown && start != std::string_view::npos && start > 0; ++i)
        start = log.rfind('\n', start - 1);
    return start == std::string_view::npos || start == 0 ? log : log.substr(start + 1);
}

Error load_error(int error_number, std::string_view log, const VerifierLog& verifier_log) {
    if (verifier_log && !log.empty()) verifier_log(log);
    Error error = Error::system(error_number, "cannot load the XDP program");
    if (error.kind() == ErrorKind::not_permitted && log.empty())
        return error.with_remedy("it needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON: run as root or with sudo");
    if (log.empty()) return error;
    return Error(ErrorKind::unsupported, error.message())
        .with_remedy(fmt::format("the kernel's verifier says: {}", last_lines(log)));
}

Result<ObjectPtr> open_object(char* log) {
    std::size_t size = 0;
    const void* bytes = contract::demux__elf_bytes(&size);
    bpf_object_open_opts options{};
    options.sz = sizeof options;
    options.object_name = "xdemux";
    options.kernel_log_buf = log;
    options.kernel_log_size = log_size;
    ObjectPtr object(::bpf_object__open_mem(bytes, size, &options));
    if (object == nullptr) return fail_system(errno, "cannot open the XDP program");
    return object;
}

/// A map's name as we pin it: of a global variable in a section of its own, the variable's.
std::string_view table_name(const bpf_map* map) {
    std::string_view name = ::bpf_map__name(map);
    for (const std::string_view section : {".rodata.", ".data."}) {
        if (name.starts_with(section)) name.remove_prefix(section.size());
    }
    return name;
}

Result<bpf_map*> find_map(bpf_object* object, std::string_view name) {
    for (bpf_map* map = nullptr; (map = ::bpf_object__next_map(object, map)) != nullptr;) {
        if (table_name(map) == name) return map;
    }
    return fail(ErrorKind::failed, fmt::format("the XDP program has no table \"{}\"", name));
}

Status apply_settings(bpf_object* object, const contract::settings& settings) {
    const auto map = find_map(object, settings_name);
    if (!map) return fail(map.error());
    const int result = ::bpf_map__set_initial_value(*map, &settings, sizeof settings);
    if (result != 0) return fail_system(-result, "cannot set the settings of the XDP program");
    if (settings.shared_counters == 0) return {};
    for (const auto* name : {"port_counters", "port_drops"}) {
        const auto counters = find_map(object, name);
        if (!counters) return fail(counters.error());
        if (const int failed = ::bpf_map__set_type(*counters, BPF_MAP_TYPE_ARRAY); failed != 0)
            return fail_system(-failed, fmt::format("cannot make table \"{}\" a shared one", name));
    }
    return {};
}

Status apply_maps(bpf_object* object, const ObjectOptions& options) {
    for (const auto& [name, entries] : options.sizes) {
        const auto map = find_map(object, name);
        if (!map) return fail(map.error());
        if (const int failed = ::bpf_map__set_max_entries(*map, entries); failed != 0)
            return fail_system(-failed, fmt::format("cannot make table \"{}\" {} entries large", name, entries));
    }
    for (const auto& [name, fd] : options.reuse) {
        const auto map = find_map(object, name);
        if (!map) return fail(map.error());
        if (const int failed = ::bpf_map__reuse_fd(*map, fd); failed != 0)
            return fail_system(-failed, fmt::format("cannot take over table \"{}\"", name));
    }
    return {};
}

/// What tables may go into group_tables: those of the types, or of none, that its pattern has (the kernel's
/// bpf_map_meta_equal, before Linux 6.2). Ours have types, so the pattern is one of ours; it is needed until the load.
Result<Fd> set_group_pattern(bpf_object* object) {
    const auto tables = find_map(object, "group_tables");
    if (!tables) return fail(tables.error());
    auto pattern = make_group_table({});
    if (!pattern) return fail(pattern.error());
    if (const int failed = ::bpf_map__set_inner_map_fd(*tables, pattern->get()); failed != 0)
        return fail_system(-failed, "cannot tell the types of a group's table");
    return pattern;
}

void choose_program(bpf_object* object, const char* name, bool wanted) {
    ::bpf_program__set_autoload(::bpf_object__find_program_by_name(object, name), wanted);
}

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t to) {
    return (value + to - 1) / to * to;
}

/// Bytes that an entry takes beside its key and value, on 64-bit kernels: struct htab_elem with its share of the
/// buckets, struct lpm_trie_node with the inner node that it may need.
constexpr std::uint64_t hash_entry_overhead = 48 + 2 * 16;
constexpr std::uint64_t trie_entry_overhead = 2 * 40;

/// A descriptor of its own; none where it was not wanted.
Result<Fd> loaded_program(bpf_object* object, const char* name, bool wanted) {
    if (!wanted) return Fd();
    return duplicate(::bpf_program__fd(::bpf_object__find_program_by_name(object, name)));
}

}  // namespace

std::vector<std::string> table_names() {
    return {"port_slots",
            "listeners",
            "journal",
            "listen_addrs",
            "listen_prefixes",
            "guards",
            "guard_sources",
            "guard_verdicts",
            "guard_rates",
            "local_hot",
            "local_routes",
            "fragments",
            "port_counters",
            "port_drops",
            "listener_counts",
            "reason_counters",
            "reject_limits",
            "forwarding",
            "blocks",
            "blocking",
            "scanners",
            "scan_budgets",
            "watch",
            "watch_limits",
            "events",
            "flow_lines4",
            "flow_lines6",
            "flows4",
            "flows6",
            "flow_carries",
            "flow_writers",
            "targets",
            "listener_targets",
            "target_counts",
            "group_tables",
            "group_members",
            "cpus",
            "devs",
            "xsks",
            "sockets",
            "xsk_queues"};
}

Result<LoadedObject> LoadedObject::load(const ObjectOptions& options) {
    silence_libbpf();
    const std::unique_ptr<char[]> log(new char[log_size]);
    log[0] = '\0';
    auto object = open_object(log.get());
    if (!object) return fail(object.error());
    if (auto applied = apply_settings(object->get(), options.settings); !applied) return fail(applied.error());
    if (auto applied = apply_maps(object->get(), options); !applied) return fail(applied.error());
    const auto group_pattern = set_group_pattern(object->get());
    if (!group_pattern) return fail(group_pattern.error());
    choose_program(object->get(), pipeline_name, options.pipeline);
    if (!options.pipeline) {
        const auto remembered = find_map(object->get(), "destinations");
        if (!remembered) return fail(remembered.error());
        ::bpf_map__set_autocreate(*remembered, false);
    }
    choose_program(object->get(), socket_lookup_name, options.socket_lookup);
    if (const int failed = ::bpf_object__load(object->get()); failed != 0)
        return fail(load_error(-failed, log.get(), options.verifier_log));

    LoadedObject loaded;
    auto pipeline = loaded_program(object->get(), pipeline_name, options.pipeline);
    if (!pipeline) return fail(pipeline.error());
    loaded.program_ = std::move(*pipeline);
    auto socket_lookup = loaded_program(object->get(), socket_lookup_name, options.socket_lookup);
    if (!socket_lookup) return fail(socket_lookup.error());
    loaded.socket_lookup_ = std::move(*socket_lookup);
    const auto names = table_names();
    for (bpf_map* map = nullptr; (map = ::bpf_object__next_map(object->get(), map)) != nullptr;) {
        const bool is_settings = table_name(map) == settings_name;
        // A variable of the program's own is no table of the instance, and lives as long as the program.
        if (!is_settings && std::ranges::find(names, table_name(map)) == names.end()) continue;
        auto fd = duplicate(::bpf_map__fd(map));
        if (!fd) return fail(fd.error());
        if (is_settings) {
            loaded.settings_ = std::move(*fd);
        } else {
            loaded.tables_.emplace_back(table_name(map), std::move(*fd));
        }
    }
    return loaded;
}

Result<std::uint64_t> map_memory(int map_fd) {
    const auto cpus = possible_cpus();
    if (!cpus) return fail(cpus.error());
    bpf_map_info info{};
    __u32 size = sizeof info;
    if (::bpf_obj_get_info_by_fd(map_fd, &info, &size) != 0) return fail_system(errno, "cannot inspect a table");
    const std::uint64_t value = round_up(info.value_size, 8);
    std::uint64_t entry = value;
    switch (info.type) {
        case BPF_MAP_TYPE_PERCPU_ARRAY:
            entry = value * *cpus;
            break;
        case BPF_MAP_TYPE_HASH:
        case BPF_MAP_TYPE_LRU_HASH:
            entry = round_up(info.key_size, 8) + value + hash_entry_overhead;
            break;
        case BPF_MAP_TYPE_LPM_TRIE:
            entry = info.key_size + info.value_size + trie_entry_overhead;
            break;
        case BPF_MAP_TYPE_RINGBUF:
            entry = 1;  // its entries are bytes
            break;
        default:
            break;
    }
    return entry * info.max_entries;
}

}  // namespace xdemux
