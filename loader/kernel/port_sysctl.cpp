// SPDX-License-Identifier: BSD-2-Clause
#include <fstream>

#include <xdemux/kernel/port_sysctl.h>

namespace xdemux {

// /proc/sys/net shows the namespace of whoever reads it, unlike /sys.
std::uint32_t first_unprivileged_port() {
    std::ifstream file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    std::uint32_t port = 0;
    return file >> port ? port : 1024;
}

}  // namespace xdemux
