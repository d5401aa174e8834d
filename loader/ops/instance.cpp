// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <xdemux/kernel/bpffs.h>
#include <xdemux/kernel/clock.h>
#include <xdemux/kernel/privilege.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/lease_host.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/locals.h>
#include <xdemux/ops/sockets.h>
#include <xdemux/ops/xsks.h>

#include "group_maps.h"
#include "instance_netns.h"
#include "new_instance.h"
#include "pinned_settings.h"

namespace xdemux {
namespace {

constexpr std::size_t max_instance_name = 32;

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

/// What a killed writer left. An unload that had begun is carried on to its end.
Status clear_leftovers(const PinDirectory& pins) {
    if (const auto going = pins.going()) {
        if (auto ended = end_leases_of(pins.instance(), *going); !ended) return ended;
    }
    return pins.clear_leftovers();
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
    [[maybe_unused]] const Status gone = pins_.discard();  // else by the next writer
}

Status Instance::keep() {
    if (!provisional_) return {};
    auto published = pins_.publish();
    if (published) provisional_ = false;
    return published;
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
    const bool is_left_over = pins.is_coming() || pins.going();
    if (auto cleared = clear_leftovers(pins); !cleared) return cleared;
    if (!pins.exists()) return is_left_over ? Status() : Status(fail(not_loaded(pins.instance())));
    if (auto ours = check_unload(pins, read_settings(pins, check_upgrade)); !ours) return ours;
    return pins.remove([&] { return end_leases(name); });
}

}  // namespace xdemux
