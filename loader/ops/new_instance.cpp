// SPDX-License-Identifier: BSD-2-Clause
#include "new_instance.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <fmt/format.h>
#include <sys/random.h>

#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/flow_table.h>
#include <xdemux/kernel/map.h>
#include <xdemux/kernel/netns.h>

namespace xdemux {
namespace {

constexpr std::uint64_t default_rejects_per_second = 1000;  // per CPU
constexpr std::uint32_t most_scan_slots = 4096;
constexpr std::uint32_t fewest_scan_slots = 256;
constexpr std::uint64_t scan_memory = std::uint64_t{16} << 20;            // bytes, of all CPUs
constexpr std::uint64_t shared_counters_from = std::uint64_t{256} << 20;  // bytes of both port counters, per CPU
constexpr std::uint32_t smallest_listen_table = 65'536;

Result<std::uint64_t> random_key() {
    std::uint64_t key = 0;
    while (key == 0) {
        if (::getrandom(&key, sizeof key, 0) != sizeof key) return fail_system(errno, "cannot draw a random key");
    }
    return key;
}

Result<bool> counters_are_shared(const InstanceOptions& options) {
    if (options.shared_port_counters) return *options.shared_port_counters;
    const auto cpus = possible_cpus();
    if (!cpus) return fail(cpus.error());
    return *cpus * (2 * std::uint64_t{contract::PORT_INDEXES} * sizeof(contract::traffic)) > shared_counters_from;
}

/// Slots for sources of scans: fewer where many CPUs each have theirs.
Result<std::uint32_t> scan_slots() {
    const auto cpus = possible_cpus();
    if (!cpus) return fail(cpus.error());
    std::uint32_t slots = most_scan_slots;
    while (slots > fewest_scan_slots && *cpus * slots * sizeof(contract::scanner) > scan_memory)
        slots /= 2;
    return slots;
}

}  // namespace

Result<contract::settings> new_settings(const InstanceOptions& options) {
    const auto cookie = netns_cookie();
    if (!cookie) return fail(cookie.error());
    const auto key = random_key();
    if (!key) return fail(key.error());
    const auto hash_key = random_key();
    if (!hash_key) return fail(hash_key.error());
    const auto slots = scan_slots();
    if (!slots) return fail(slots.error());
    const auto shared = counters_are_shared(options);
    if (!shared) return fail(shared.error());
    contract::settings settings{};
    settings.contract = contract::CONTRACT_VERSION;
    settings.rules = encode(options.settings);
    settings.fallback = settings.rules;
    if (options.confirm) {
        settings.fallback.mode = contract::MODE_MONITOR;
        settings.confirm_by_ns = confirm_deadline(*options.confirm);
    }
    settings.shared_counters = *shared ? 1 : 0;
    settings.netns_cookie = *cookie;
    settings.trace_key = *key;
    settings.rejects_per_second = default_rejects_per_second;
    settings.hash_key = *hash_key;
    settings.scan_slots = *slots;
    if (auto made = make_flow_settings(options.flows, settings); !made) return fail(made.error());
    return settings;
}

Result<TableSizes> table_sizes(const InstanceOptions& options, const contract::settings& settings) {
    if (options.listeners < 1 || options.listeners > most_listeners)
        return fail(ErrorKind::usage, fmt::format("a table of {} listeners is not possible; 1 to {} are",
                                                  options.listeners, most_listeners));
    const auto cpus = possible_cpus();
    if (!cpus) return fail(cpus.error());
    const std::uint32_t places = settings.flow_lines * contract::FLOW_LINE_PLACES;
    const std::uint32_t derived = std::max(smallest_listen_table, options.listeners * 4);
    return TableSizes{
        {"flow_lines4", settings.flow_lines},
        {"flow_lines6", settings.flow_lines},
        {"flows4", places},
        {"flows6", places},
        {"flow_carries", places / 4},
        {"listeners", options.listeners},
        {"listener_counts", options.listeners + 1},
        {"listen_addrs", derived},
        {"listen_prefixes", derived},
        {"guards", options.listeners + 1},
        {"guard_sources", derived},
        {"scanners", settings.scan_slots},
        {"listener_targets", options.listeners + 1},
        {"cpus", static_cast<std::uint32_t>(*cpus)},
    };
}

}  // namespace xdemux
