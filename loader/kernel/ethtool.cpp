// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/ethtool.h>

namespace xdemux {
namespace {

/// One SIOCETHTOOL call. `command` begins with its own command number and is filled by the driver; `what` is what is
/// asked for ("queue count").
template <typename Command>
Status ask_driver(std::string_view ifname, std::string_view what, Command& command) {
    ifreq request{};
    if (ifname.empty() || ifname.size() >= sizeof request.ifr_name)
        return fail(ErrorKind::not_found, fmt::format("no interface \"{}\"; see ip link", ifname));
    std::memcpy(request.ifr_name, ifname.data(), ifname.size());
    request.ifr_data = reinterpret_cast<char*>(&command);

    const std::string operation = fmt::format("cannot read the {} of {}", what, ifname);
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return fail_system(errno, operation);
    if (::ioctl(socket.get(), SIOCETHTOOL, &request) == 0) return {};
    const int error_number = errno;
    if (error_number == ENODEV)
        return fail(ErrorKind::not_found, fmt::format("no interface \"{}\"; see ip link", ifname));
    return fail_system(error_number, operation);
}

// The legacy call knows the few flags that matter here, and the kernel answers it from the same feature bits.
Result<std::uint32_t> flags(std::string_view ifname, std::string_view what) {
    ethtool_value command{ETHTOOL_GFLAGS, 0};
    const Status done = ask_driver(ifname, what, command);
    if (!done) return fail(done.error());
    return command.data;
}

}  // namespace

Result<bool> receive_vlan_offload(std::string_view ifname) {
    return flags(ifname, "receive VLAN offload").map([](std::uint32_t set) { return (set & ETH_FLAG_RXVLAN) != 0; });
}

Result<bool> large_receive_offload(std::string_view ifname) {
    return flags(ifname, "large receive offload").map([](std::uint32_t set) { return (set & ETH_FLAG_LRO) != 0; });
}

Result<Channels> channels(std::string_view ifname) {
    ethtool_channels command{};
    command.cmd = ETHTOOL_GCHANNELS;
    const Status done = ask_driver(ifname, "queue count", command);
    if (!done) return fail(done.error());
    return Channels{command.rx_count, command.tx_count, command.combined_count};
}

Result<std::string> driver_name(std::string_view ifname) {
    ethtool_drvinfo command{};
    command.cmd = ETHTOOL_GDRVINFO;
    const Status done = ask_driver(ifname, "driver name", command);
    if (!done) return fail(done.error());
    return std::string(command.driver, ::strnlen(command.driver, sizeof command.driver));
}

}  // namespace xdemux
