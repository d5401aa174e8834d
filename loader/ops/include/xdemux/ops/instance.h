// SPDX-License-Identifier: BSD-2-Clause
// An instance: one set of pinned tables and one program, of one network namespace. It is opened to read (no lock) or to
// change (under the instance's lock, after what a killed writer left behind has been cleared). What is in the tables,
// and which interfaces are attached, is the part of the other headers of this box.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/lock.h>
#include <xdemux/kernel/object.h>
#include <xdemux/kernel/pins.h>
#include <xdemux/ops/tables.h>
#include <xdemux/policy/settings.h>

namespace xdemux {

inline constexpr std::string_view default_instance = "default";

/// [A-Za-z0-9_-], 1 to 32 of them. ErrorKind::usage.
Status check_instance_name(std::string_view name);

/// Most listeners of an instance: a quarter of the entries beyond which the kernel's own sums overflow.
inline constexpr std::uint32_t most_listeners = 1U << 25U;

/// How a new instance is made; of no meaning for one that exists.
struct InstanceOptions {
    Settings settings;
    std::uint32_t flows = 65'536;      ///< capacity
    std::uint32_t listeners = 16'384;  ///< capacity
    std::optional<bool>
        shared_port_counters{};  ///< one array for all CPUs; by default where per-CPU ones are > 256 MiB
    std::optional<std::chrono::seconds> confirm{};  ///< as SettingsRequest::confirm; until confirmed it only monitors
    VerifierLog verifier_log{};                     ///< gets the whole log of the verifier when the program is refused
};

class Instance {
  public:
    /// To read. Errors: `not_loaded`; `in_use` where it belongs to another network namespace; `failed` where its tables
    /// are of another contract version; `not_permitted`, `unsupported` (no bpffs).
    static Result<Instance> open(std::string_view name);
    /// To change: holds the instance's lock until destroyed, and clears what a killed writer left. Errors as open(),
    /// and `in_use` where another process holds the lock for longer than it takes.
    static Result<Instance> open_for_change(std::string_view name, VerifierLog verifier_log = {},
                                            std::chrono::milliseconds wait = InstanceLock::default_wait);
    /// As open_for_change(), but makes the instance where there is none. Until keep() nobody else finds a new one, and
    /// it vanishes with this object, or is cleared by the next change where this process is killed: an operation that
    /// fails, or a dry run, leaves nothing behind. Every changing operation of this box ends with keep().
    static Result<Instance> open_or_create(std::string_view name, const InstanceOptions& options = {});

    /// For upgrade() alone: as open_for_change(), but its tables may be of any contract version from which steps lead
    /// to ours, or be left half way; settings().contract tells. What else a killed writer left is the next change's.
    static Result<Instance> open_for_upgrade(std::string_view name, VerifierLog verifier_log = {});

    Instance(Instance&& other) noexcept;
    Instance& operator=(Instance&&) = delete;
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;
    ~Instance();

    [[nodiscard]] const std::string& name() const { return pins_.instance(); }
    /// Whether open_or_create() made it, and not found it.
    [[nodiscard]] bool created() const { return created_; }
    /// Whether it may be changed.
    [[nodiscard]] bool writable() const { return lock_.has_value(); }
    /// Publishes a new instance; nothing for one that was there. An error is that of the whole change: the instance
    /// goes, with what was written to it.
    Status keep();

    /// As they were when it was opened, or changed through this object.
    [[nodiscard]] const contract::settings& settings() const { return settings_; }
    [[nodiscard]] Tables& tables() { return *tables_; }
    [[nodiscard]] const Tables& tables() const { return *tables_; }
    [[nodiscard]] const PinDirectory& pins() const { return pins_; }

    /// Puts a program with other settings in the place of the present one, through every link; all or none. The tables
    /// stay. It must be writable().
    Status replace_program(const contract::settings& settings);

    /// Has the network namespace's look-up of sockets ask the listeners as well, or no longer; nothing where it is so
    /// already. It must be writable(). Errors as PinDirectory::begin_socket_lookup()'s.
    Status serve_sockets(bool wanted);

    /// Detaches every interface and removes the tables. It must be writable(); nothing else may be called afterwards.
    Status unload();

  private:
    Instance(PinDirectory pins, std::optional<InstanceLock> lock) : pins_(std::move(pins)), lock_(std::move(lock)) {}
    /// Which contract versions will do; an error tells what to do about the others.
    using VersionCheck = Status (*)(const std::string& instance, std::uint32_t version);
    static Result<Instance> open_locked(PinDirectory pins, InstanceLock lock, VerifierLog verifier_log);
    static Result<Instance> create(PinDirectory pins, InstanceLock lock, const InstanceOptions& options);
    Status load_tables(VersionCheck check);
    Status recover_pins(VersionCheck check);
    Status recover();
    /// The object with tables that are there already.
    Result<LoadedObject> load_object(ObjectOptions options, std::vector<std::string> reused) const;

    PinDirectory pins_;
    std::optional<InstanceLock> lock_;
    std::unique_ptr<Tables> tables_;
    contract::settings settings_{};
    VerifierLog verifier_log_;
    bool created_ = false;
    bool provisional_ = false;
};

/// The names of all instances that exist, sorted; empty where there is no bpffs.
std::vector<std::string> known_instances();

/// Ends an instance, also one of another contract version. Errors: `not_loaded`; `in_use` for one of another network
/// namespace, unless nothing is left of that.
Status unload_instance(std::string_view name);

}  // namespace xdemux
