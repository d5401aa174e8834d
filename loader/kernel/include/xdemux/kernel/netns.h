// SPDX-License-Identifier: BSD-2-Clause
// Which network namespace this thread works in. It changes the network namespace and nothing else: never the mount
// namespace, because `ip netns exec` hides bpffs by mounting /sys anew, and the pins must stay in sight.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>

namespace xdemux {

/// While it lives, the calling thread is in another network namespace; on destruction it is back in the one before.
/// Invariant: it is destroyed by the thread that entered (setns changes one thread), scopes nest and end in reverse
/// order. Should the way back fail, the process ends at once: going on would change the wrong host's tables.
class NetnsScope {
  public:
    /// `name` is a name under /run/netns, or a path if it holds a slash (/proc/PID/ns/net). Errors: `not_found` naming
    /// the namespaces that exist, `not_permitted` (needs CAP_SYS_ADMIN), `usage` for a path that is no namespace.
    static Result<NetnsScope> enter(std::string_view name);

    NetnsScope(NetnsScope&&) noexcept = default;
    NetnsScope& operator=(NetnsScope&&) = delete;
    NetnsScope(const NetnsScope&) = delete;
    NetnsScope& operator=(const NetnsScope&) = delete;
    ~NetnsScope();

  private:
    explicit NetnsScope(Fd previous) : previous_(std::move(previous)) {}
    Fd previous_;  ///< invalid after a move: then there is nothing to return to
};

/// The names under /run/netns that are live namespaces, sorted.
std::vector<std::string> known_netns();

/// What identifies the calling thread's namespace for as long as the host runs; never reused (SO_NETNS_COOKIE, Linux
/// 5.14). Error: `unsupported` on older kernels.
Result<std::uint64_t> netns_cookie();

/// The name under /run/netns of the calling thread's namespace, if it has one. The initial namespace has none unless
/// somebody gave it one.
std::optional<std::string> netns_name();

}  // namespace xdemux
