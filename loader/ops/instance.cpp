// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <cerrno>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/random.h>

#include <xdemux/kernel/bpffs.h>
#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/link.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/kernel/privilege.h>
#include <xdemux/kernel/socket_lookup.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/lease_host.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/sockets.h>
#include <xdemux/ops/xsks.h>

#include "group_maps.h"
#include "pinned_settings.h"

namespace xdemux {
namespace {

constexpr std::size_t max_instance_name = 32;
constexpr std::uint64_t default_rejects_per_second = 1000;  // per CPU
constexpr std::uint32_t most_scan_slots = 4096;
constexpr std::uint32_t fewest_scan_slots = 256;
constexpr std::uint64_t scan_memory = std::uint64_t{16} << 20;            // bytes, of all CPUs
constexpr std::uint64_t shared_counters_from = std::uint64_t{256} << 20;  // bytes of both port counters, per CPU
constexpr std::uint32_t smallest_listen_table = 65'536;
constexpr std::uint32_t largest_table = 1U << 27;  // entries; beyond it the kernel's own sums overflow

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

Error not_loaded(const std::string& name) {
    return {ErrorKind::not_loaded,
            fmt::format("instance \"{}\" is not loaded; xdemux attach, listener add or flow add make it", name)};
}

Status require_host() {
    if (auto capable = require_capabilities(); !capable) return capable;
    return require_bpffs(std::string(PinDirectory::bpffs));
}

/// The name of the namespace with that cookie, as far as it may be found; of the host's own, which has none, a path.
std::string find_netns(std::uint64_t cookie) {
    auto names = known_netns();
    names.emplace_back("/proc/1/ns/net");
    for (const auto& name : names) {
        const auto scope = NetnsScope::enter(name);
        if (scope && netns_cookie().value_or(0) == cookie) return name;
    }
    return {};
}

Error belongs_elsewhere(const std::string& instance, const std::string& netns) {
    const std::string where =
        netns.empty() ? std::string("another network namespace") : fmt::format("the network namespace \"{}\"", netns);
    const std::string remedy = netns.empty() ? std::string() : fmt::format("use --netns {}, or ", netns);
    return {ErrorKind::in_use, fmt::format("instance \"{}\" belongs to {}; {}choose another name with --instance",
                                           instance, where, remedy)};
}

Status check_netns(const std::string& instance, const contract::settings& settings) {
    const auto here = netns_cookie();
    if (!here) return fail(here.error());
    if (*here == settings.netns_cookie) return {};
    return fail(belongs_elsewhere(instance, find_netns(settings.netns_cookie)));
}

bool has_live_links(const PinDirectory& pins) {
    for (const auto& pin : pins.links().value_or(std::vector<LinkPin>{})) {
        const auto link = pins.open_link(pin.ifindex);
        if (!link) continue;
        if (const auto info = link_info(link->get()); info && info->ifindex != 0) return true;
    }
    if (!pins.has_socket_lookup()) return false;
    const auto link = pins.open("sk_lookup_link");
    return link && socket_lookup_is_live(link->get()).value_or(false);
}

/// Whether this namespace may end it: its own, or one of which nothing is left.
Status check_unload(const PinDirectory& pins, const Result<contract::settings>& settings) {
    const auto here = netns_cookie();
    if (!settings || !here || *here == settings->netns_cookie) return {};
    const std::string name = find_netns(settings->netns_cookie);
    if (name.empty() && !has_live_links(pins)) return {};
    return fail(belongs_elsewhere(pins.instance(), name));
}

/// Where it was, since its leases keep ports from the kernel there, and not here. `going`: what is hidden of it.
Status end_leases_of(const std::string& instance, const PinDirectory& going) {
    const auto settings = read_settings(going, check_upgrade);
    const auto here = netns_cookie();
    if (!settings || !here || *here == settings->netns_cookie) return end_leases(instance);
    const std::string netns = find_netns(settings->netns_cookie);
    if (netns.empty() && has_live_links(going)) return fail(belongs_elsewhere(instance, netns));
    if (netns.empty()) return forget_leases(instance);
    const auto scope = NetnsScope::enter(netns);
    return scope ? end_leases(instance) : Status(fail(scope.error()));
}

/// What a killed writer left. An unload that had begun is carried on to its end.
Status clear_leftovers(const PinDirectory& pins) {
    if (const auto going = pins.going()) {
        if (auto ended = end_leases_of(pins.instance(), *going); !ended) return ended;
    }
    return pins.clear_leftovers();
}

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

struct LockedPins {
    PinDirectory pins;
    InstanceLock lock;
};

/// To change it, or to make it where there is none; what a killed writer left of its beginning or end is cleared.
Result<LockedPins> lock_instance(std::string_view name, std::chrono::milliseconds wait) {
    if (auto valid = check_instance_name(name); !valid) return fail(valid.error());
    if (auto able = require_host(); !able) return fail(able.error());
    auto lock = InstanceLock::acquire(name, wait);
    if (!lock) return fail(std::move(lock.error()));
    PinDirectory pins{std::string(name)};
    if (auto cleared = clear_leftovers(pins); !cleared) return fail(std::move(cleared.error()));
    return LockedPins{std::move(pins), std::move(*lock)};
}

}  // namespace

Status check_instance_name(std::string_view name) {
    if (!name.empty() && name.size() <= max_instance_name && std::all_of(name.begin(), name.end(), is_name_character))
        return {};
    return fail(ErrorKind::usage, fmt::format("\"{}\" is no name of an instance: 1 to {} of letters, digits, _ and -",
                                              name, max_instance_name));
}

Result<Instance> Instance::open(std::string_view name) {
    if (auto valid = check_instance_name(name); !valid) return fail(valid.error());
    if (auto able = require_host(); !able) return fail(able.error());
    Instance instance(PinDirectory(std::string(name)), std::nullopt);
    if (!instance.pins_.exists()) return fail(not_loaded(instance.name()));
    if (auto loaded = instance.load_tables(check_contract); !loaded) return fail(loaded.error());
    return instance;
}

Result<Instance> Instance::open_for_change(std::string_view name, VerifierLog verifier_log,
                                           std::chrono::milliseconds wait) {
    auto locked = lock_instance(name, wait);
    if (!locked) return fail(std::move(locked.error()));
    if (!locked->pins.exists()) return fail(not_loaded(locked->pins.instance()));
    return open_locked(std::move(locked->pins), std::move(locked->lock), std::move(verifier_log));
}

Result<Instance> Instance::open_or_create(std::string_view name, const InstanceOptions& options) {
    auto locked = lock_instance(name, InstanceLock::default_wait);
    if (!locked) return fail(std::move(locked.error()));
    if (locked->pins.exists())
        return open_locked(std::move(locked->pins), std::move(locked->lock), options.verifier_log);
    return create(std::move(locked->pins), std::move(locked->lock), options);
}

Result<Instance> Instance::open_for_upgrade(std::string_view name, VerifierLog verifier_log) {
    auto locked = lock_instance(name, InstanceLock::default_wait);
    if (!locked) return fail(std::move(locked.error()));
    if (!locked->pins.exists()) return fail(not_loaded(locked->pins.instance()));
    Instance instance(std::move(locked->pins), std::move(locked->lock));
    instance.verifier_log_ = std::move(verifier_log);
    if (auto loaded = instance.load_tables(check_upgrade); !loaded) return fail(loaded.error());
    if (auto recovered = instance.recover_pins(check_upgrade); !recovered) return fail(recovered.error());
    return instance;
}

Result<Instance> Instance::open_locked(PinDirectory pins, InstanceLock lock, VerifierLog verifier_log) {
    Instance instance(std::move(pins), std::move(lock));
    instance.verifier_log_ = std::move(verifier_log);
    if (auto loaded = instance.load_tables(check_contract); !loaded) return fail(loaded.error());
    if (auto recovered = instance.recover(); !recovered) return fail(recovered.error());
    return instance;
}

Result<Instance> Instance::create(PinDirectory pins, InstanceLock lock, const InstanceOptions& options) {
    const auto settings = new_settings(options);
    if (!settings) return fail(settings.error());
    auto sizes = table_sizes(options, *settings);
    if (!sizes) return fail(sizes.error());
    const auto object = LoadedObject::load({*settings, std::move(*sizes), {}, options.verifier_log});
    if (!object) return fail(object.error());
    if (auto pinned = pins.create(*object); !pinned) return fail(pinned.error());

    Instance instance(std::move(pins), std::move(lock));
    instance.created_ = instance.provisional_ = true;
    instance.verifier_log_ = options.verifier_log;
    if (auto loaded = instance.load_tables(check_contract); !loaded) return fail(loaded.error());
    if (auto fresh = refresh_locals(instance); !fresh) return fail(fresh.error());
    return instance;
}

Status Instance::load_tables(VersionCheck check) {
    const auto settings = read_settings(pins_, check);
    if (!settings) return fail(settings.error());
    if (auto ours = check_netns(name(), *settings); !ours) return ours;
    auto tables = Tables::open(pins_, *settings);
    if (!tables) return fail(tables.error());
    settings_ = *settings;
    tables_ = std::make_unique<Tables>(std::move(*tables));
    return {};
}

Status Instance::recover_pins(VersionCheck check) {
    if (auto recovered = pins_.recover(); !recovered) return recovered;
    const auto settings = read_settings(pins_, check);
    if (!settings) return fail(settings.error());
    settings_ = *settings;
    return {};
}

// Pins first: they decide which settings are in force. An unconfirmed change whose time is over becomes final here.
Status Instance::recover() {
    if (auto recovered = recover_pins(check_contract); !recovered) return recovered;
    if (auto recovered = recover_groups(*tables_); !recovered) return recovered;
    if (auto recovered = recover_listeners(*this); !recovered) return recovered;
    if (auto swept = sweep_xsks(*this); !swept) return swept;
    if (auto settled = settle_socket_lookup(*this); !settled) return settled;
    if (settings_.confirm_by_ns == 0 || coarse_now_ns() <= settings_.confirm_by_ns) return {};
    contract::settings final_settings = settings_;
    final_settings.rules = final_settings.fallback;
    final_settings.confirm_by_ns = 0;
    return replace_program(final_settings);
}

// What it was moved from owns nothing, above all no provisional instance.
Instance::Instance(Instance&& other) noexcept
    : pins_(std::move(other.pins_)),
      lock_(std::move(other.lock_)),
      tables_(std::move(other.tables_)),
      settings_(other.settings_),
      verifier_log_(std::move(other.verifier_log_)),
      created_(other.created_),
      provisional_(std::exchange(other.provisional_, false)) {
    other.lock_.reset();
}

Instance::~Instance() {
    if (!provisional_ || !lock_) return;
    // Nobody is left to be told; what stays is an instance without interfaces, which unload ends.
    [[maybe_unused]] const Status gone = pins_.remove([] { return Status(); });
}

Result<LoadedObject> Instance::load_object(ObjectOptions options, std::vector<std::string> reused) const {
    std::vector<Fd> tables;
    for (auto& table : reused) {
        auto fd = pins_.open(table);
        if (!fd) return fail(fd.error());
        options.reuse.push_back({std::move(table), fd->get()});
        tables.push_back(std::move(*fd));
    }
    return LoadedObject::load(options);
}

Status Instance::replace_program(const contract::settings& settings) {
    assert(writable());
    ObjectOptions options{settings, {}, {}, verifier_log_};
    options.socket_lookup = pins_.has_socket_lookup();
    const auto object = load_object(std::move(options), table_names());
    if (!object) return fail(object.error());
    if (auto replaced = pins_.replace(*object); !replaced) return replaced;
    settings_ = settings;
    return {};
}

// With the settings that are pinned, not with equal ones: a program and its settings belong together.
Status Instance::serve_sockets(bool wanted) {
    assert(writable());
    if (wanted == pins_.has_socket_lookup()) return {};
    if (!wanted) return pins_.end_socket_lookup();
    ObjectOptions options{settings_, {}, {}, verifier_log_};
    options.pipeline = false;
    options.socket_lookup = true;
    auto reused = table_names();
    reused.emplace_back("settings");
    const auto object = load_object(std::move(options), std::move(reused));
    if (!object) return fail(object.error());
    return pins_.begin_socket_lookup(object->socket_lookup());
}

Status Instance::unload() {
    assert(writable());
    provisional_ = false;
    return pins_.remove([&] { return end_leases(name()); });
}

std::vector<std::string> known_instances() {
    return PinDirectory::instances();
}

Status unload_instance(std::string_view name) {
    if (auto valid = check_instance_name(name); !valid) return valid;
    if (auto able = require_host(); !able) return able;
    const auto lock = InstanceLock::acquire(name);
    if (!lock) return fail(lock.error());
    const PinDirectory pins{std::string(name)};
    const bool was_going = pins.going().has_value();
    if (auto cleared = clear_leftovers(pins); !cleared) return cleared;
    if (!pins.exists()) return was_going ? Status() : Status(fail(not_loaded(pins.instance())));
    if (auto ours = check_unload(pins, read_settings(pins, check_upgrade)); !ours) return ours;
    return pins.remove([&] { return end_leases(name); });
}

}  // namespace xdemux
