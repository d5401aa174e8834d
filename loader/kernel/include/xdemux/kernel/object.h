// SPDX-License-Identifier: BSD-2-Clause
// The BPF object: opened with settings and sizes, loaded into the kernel, its maps made or taken over from an instance
// that exists. It pins nothing and attaches nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/contract.h>

namespace xdemux {

/// Gets the verifier's whole log when a program is refused.
using VerifierLog = std::function<void(std::string_view log)>;

/// Entries of a map, by its name.
using TableSizes = std::vector<std::pair<std::string, std::uint32_t>>;

/// A map that exists, by its name; the object takes it instead of making one.
struct NamedFd {
    std::string name;
    int fd = -1;
};

struct ObjectOptions {
    contract::settings settings{};  ///< shared_counters decides the type of the port counters too
    TableSizes sizes{};
    std::vector<NamedFd> reuse{};
    VerifierLog verifier_log{};
    bool pipeline = true;        ///< load the XDP program
    bool socket_lookup = false;  ///< load the sk_lookup program
};

/// The names of all maps but `settings`, which changes with the program.
std::vector<std::string> table_names();

/// Loaded; closes what it holds when it goes, which ends what nobody pinned.
class LoadedObject {
  public:
    /// Errors: `unsupported` where the kernel lacks a feature, `not_permitted`, `failed` with the verifier's last
    /// lines.
    static Result<LoadedObject> load(const ObjectOptions& options);

    /// The XDP program; -1 where it was not asked for.
    [[nodiscard]] int program() const { return program_.get(); }
    /// The sk_lookup program; -1 where it was not asked for.
    [[nodiscard]] int socket_lookup() const { return socket_lookup_.get(); }
    [[nodiscard]] int settings() const { return settings_.get(); }
    /// Every map but the settings, by name.
    [[nodiscard]] const std::vector<std::pair<std::string, Fd>>& tables() const { return tables_; }

  private:
    Fd program_;
    Fd socket_lookup_;
    Fd settings_;
    std::vector<std::pair<std::string, Fd>> tables_;
};

/// Bytes that a map takes when it is full, per-CPU values times the possible CPUs; what the kernel adds to each entry
/// of a hash or trie is reckoned for 64-bit kernels.
Result<std::uint64_t> map_memory(int map_fd);

}  // namespace xdemux
