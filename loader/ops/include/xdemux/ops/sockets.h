// SPDX-License-Identifier: BSD-2-Clause
// Sockets registered under a name, to which targets `socket:NAME` deliver; and whether the network namespace's look-up
// of sockets asks for them. It changes nothing about a socket itself.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/process.h>
#include <xdemux/kernel/sock_diag.h>
#include <xdemux/ops/instance.h>
#include <xdemux/policy/listener.h>

namespace xdemux {

/// Has the namespace's look-up ask exactly while there is a target that is a socket. The instance must be writable().
/// Errors as Instance::serve_sockets()'s.
Status settle_socket_lookup(Instance& instance);

/// Whether the sockets that are registered can take what these listeners hear; a name without a socket is no error.
/// ErrorKind::usage.
Status check_socket_listeners(const Tables& tables, std::span<const Listener> listeners);

/// Where a socket is to be found.
struct SocketSource {
    std::optional<pid_t> pid{};  ///< of the process that has it open; none: this one, which inherited it
    std::optional<int> fd{};     ///< its descriptor there; none: the service manager passed it to this process
};

/// Puts the socket in the place of the one that the name may have, at once: no packet meets neither. The kernel takes
/// it out once it is closed, or shut down. The instance must be writable(). Errors: `usage` (a wrong name; no socket
/// that waits for peers; one that a listener's packets do not fit), `not_found` (no such process or descriptor),
/// `failed` (of another network namespace), and settle_socket_lookup()'s.
Status register_socket(Instance& instance, const std::string& name, const SocketSource& source, bool dry_run = false);

/// Takes it out; the socket itself goes on. The instance must be writable(). Errors: `not_found`, `in_use` naming the
/// listeners that lead to it.
Status unregister_socket(Instance& instance, const std::string& name, bool dry_run = false);

struct SocketRow {
    Target target;
    std::optional<std::uint64_t> cookie{};  ///< the kernel's number of the socket; none: none is registered
    std::optional<HostSocket> socket{};     ///< none: none, or it closes just now
    std::optional<Process> process{};       ///< who has it open, as far as known
    std::size_t users = 0;                  ///< listeners that lead to it
    contract::target_count count{};         ///< connections of TCP, datagrams of UDP; no bytes
};
/// By number.
Result<std::vector<SocketRow>> socket_rows(const Instance& instance);

}  // namespace xdemux
