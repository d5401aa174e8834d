// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include <xdemux/base/number.h>
#include <xdemux/kernel/operator.h>
#include <xdemux/kernel/process.h>
#include <xdemux/kernel/sock_diag.h>

namespace xdemux {
namespace {

/// "fe80::1%eth0" -> "fe80::1", "::ffff:192.0.2.1" -> "192.0.2.1", which is what is on the wire.
std::optional<SocketAddress> end_of(std::string address, std::string_view port) {
    constexpr std::string_view mapped = "::ffff:";
    address.resize(std::min(address.size(), address.find('%')));
    if (address.starts_with(mapped) && address.find('.') != std::string::npos) address.erase(0, mapped.size());
    const auto parsed = Address::parse(address);
    const auto number = whole_number<std::uint16_t>(port);
    if (!parsed || !number) return std::nullopt;
    return SocketAddress{*parsed, *number};
}

/// 0 where it has none, or is gone. /proc/PID/stat: "PID (NAME) STATE PPID ...", and the name may hold anything.
pid_t parent_of(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string text;
    std::getline(file, text);
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream rest(text.substr(name_end + 1));
    std::string state;
    pid_t parent = 0;
    return rest >> state >> parent ? parent : 0;
}

bool is_login_server(std::string_view process) {
    constexpr std::array<std::string_view, 5> names = {"sshd", "dropbear", "telnetd", "in.telnetd", "in.rlogind"};
    // OpenSSH 9.8 has a process of its own for each session: "sshd-session".
    return process.starts_with("sshd-") || std::ranges::find(names, process) != names.end();
}

/// The nearest that is; 0 for none.
pid_t login_server() {
    constexpr int deepest = 64;
    pid_t pid = ::getppid();
    for (int depth = 0; depth < deepest && pid > 1; ++depth, pid = parent_of(pid)) {
        if (is_login_server(process_name(pid))) return pid;
    }
    return 0;
}

Status append_served_by(pid_t server, std::vector<Connection>& connections) {
    const auto inodes = socket_inodes(server);
    if (inodes.empty()) return {};
    const auto sockets = host_sockets();
    if (!sockets) return fail(sockets.error());
    for (const auto& socket : *sockets) {
        if (socket.proto == Proto::tcp && socket.state == HostSocketState::established && inodes.contains(socket.inode))
            connections.push_back({{socket.local, socket.local_port}, {socket.remote, socket.remote_port}});
    }
    return {};
}

}  // namespace

std::optional<Connection> parse_ssh_connection(std::string_view text) {
    std::istringstream stream{std::string(text)};
    std::string client;
    std::string client_port;
    std::string server;
    std::string server_port;
    std::string more;
    if (!(stream >> client >> client_port >> server >> server_port) || stream >> more) return std::nullopt;
    const auto remote = end_of(client, client_port);
    const auto local = end_of(server, server_port);
    if (!remote || !local || remote->address.family() != local->address.family()) return std::nullopt;
    return Connection{*local, *remote};
}

Result<std::vector<Connection>> operator_connections() {
    std::vector<Connection> connections;
    if (const char* text = std::getenv("SSH_CONNECTION"); text != nullptr) {
        if (const auto named = parse_ssh_connection(text)) connections.push_back(*named);
    }
    if (const pid_t server = login_server(); server != 0) {
        if (auto found = append_served_by(server, connections); !found) return fail(std::move(found.error()));
    }
    std::ranges::sort(connections);
    connections.erase(std::unique(connections.begin(), connections.end()), connections.end());
    return connections;
}

}  // namespace xdemux
