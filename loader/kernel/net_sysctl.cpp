// SPDX-License-Identifier: BSD-2-Clause
#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include <xdemux/kernel/net_sysctl.h>
#include <xdemux/kernel/text_file.h>

namespace xdemux {

// /proc/sys/net shows the namespace of whoever reads it, unlike /sys.
bool forwards(std::string_view ifname, Family family) {
    std::ifstream file(
        fmt::format("/proc/sys/net/{}/conf/{}/forwarding", family == Family::ipv4 ? "ipv4" : "ipv6", ifname));
    int enabled = 0;
    return file >> enabled && enabled != 0;
}

std::optional<PortRange> ephemeral_range() {
    std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
    PortRange range;
    if (file >> range.first >> range.last && !range.is_all()) return range;
    return std::nullopt;
}

// "8080,9000-9010", or an empty line.
Result<std::vector<PortRange>> reserved_ports() {
    const auto text = read_text_file("/proc/sys/net/ipv4/ip_local_reserved_ports");
    if (!text) return fail(text.error());
    if (!*text)
        return fail(ErrorKind::failed,
                    "cannot read net.ipv4.ip_local_reserved_ports: /proc/sys/net is not there or hidden");
    std::istringstream items(**text);
    std::vector<PortRange> reserved;
    for (std::string item; std::getline(items, item, ',');) {
        while (!item.empty() && item.back() == '\n')
            item.pop_back();
        if (const auto range = PortRange::parse(item, Proto::tcp)) reserved.push_back(*range);
    }
    return reserved;
}

}  // namespace xdemux
