// SPDX-License-Identifier: BSD-2-Clause
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <fmt/format.h>

#include <xdemux/base/number.h>
#include <xdemux/kernel/proc_net.h>

namespace xdemux {
namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& line) {
    std::istringstream stream(line);
    Words words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    return words;
}

/// /proc/net is that of the process's first thread; a thread may be elsewhere. What does not exist is empty.
template <typename Parse>
auto read(const char* name, Parse parse) -> Result<decltype(parse(std::declval<std::istream&>()))> {
    const std::string path = fmt::format("/proc/thread-self/net/{}", name);
    errno = 0;
    std::ifstream file(path);
    const int error_number = errno;
    if (!file.is_open() && error_number != ENOENT)
        return fail_system(error_number, fmt::format("cannot read {}", path));
    return parse(file);
}

/// "C0000201:0050" or "[2001:0db8:...]:0050", as ip_vs_ctl.c prints a service.
std::optional<SocketAddress> service_address(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    const auto port = whole_number<std::uint16_t>(std::string_view(text).substr(colon + 1), 16);
    const std::string_view host = std::string_view(text).substr(0, colon);
    if (!port) return std::nullopt;
    if (host.starts_with('[') && host.ends_with(']')) {
        Address::Bytes bytes{};
        if (::inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), bytes.data()) != 1)
            return std::nullopt;
        return SocketAddress{Address::ipv6(bytes), *port};
    }
    const auto word = whole_number<std::uint32_t>(host, 16);
    if (!word) return std::nullopt;
    const auto byte = [&](unsigned shift) { return static_cast<std::uint8_t>(*word >> shift); };
    return SocketAddress{Address::ipv4({byte(24), byte(16), byte(8), byte(0)}), *port};
}

}  // namespace

// sk RefCnt Type Proto Iface R Rmem User Inode (packet_seq_show)
std::vector<PacketSocket> parse_packet_sockets(std::istream& text) {
    std::vector<PacketSocket> sockets;
    for (std::string line; std::getline(text, line);) {
        const Words words = words_of(line);
        if (words.size() < 9) continue;
        const auto ethertype = whole_number<std::uint16_t>(words[3], 16);
        const auto ifindex = whole_number<std::uint32_t>(words[4]);
        const auto inode = whole_number<std::uint64_t>(words[8]);
        if (ethertype && ifindex && inode) sockets.push_back({*ethertype, *ifindex, *inode});
    }
    return sockets;
}

// "SLOT: ADDRESS:PROTOCOL REMOTE:0 ST TX:RX TR:WHEN RETRNSMT UID TIMEOUT INODE ..." (raw_sock_seq_show)
std::vector<RawSocket> parse_raw_sockets(std::istream& text, Family family) {
    std::vector<RawSocket> sockets;
    for (std::string line; std::getline(text, line);) {
        const Words words = words_of(line);
        if (words.size() < 10) continue;
        const auto colon = words[1].rfind(':');
        if (colon == std::string::npos) continue;
        const auto protocol = whole_number<std::uint16_t>(std::string_view(words[1]).substr(colon + 1), 16);
        const auto inode = whole_number<std::uint64_t>(words[9]);
        if (protocol && *protocol <= 255 && inode)
            sockets.push_back({family, static_cast<std::uint8_t>(*protocol), *inode});
    }
    return sockets;
}

// "TCP  C0000201:0050 rr", "FWM  00000001 rr"; servers begin with "->" (ip_vs_info_seq_show)
std::vector<VirtualService> parse_virtual_services(std::istream& text) {
    std::vector<VirtualService> services;
    for (std::string line; std::getline(text, line);) {
        const Words words = words_of(line);
        if (words.size() < 2) continue;
        if (words[0] == "FWM") services.push_back({});
        if (words[0] != "TCP" && words[0] != "UDP") continue;
        if (const auto address = service_address(words[1]))
            services.push_back({words[0] == "TCP" ? Proto::tcp : Proto::udp, address});
    }
    return services;
}

Result<std::vector<PacketSocket>> packet_sockets() {
    return read("packet", parse_packet_sockets);
}

Result<std::vector<RawSocket>> raw_sockets() {
    auto sockets = read("raw", [](std::istream& text) { return parse_raw_sockets(text, Family::ipv4); });
    if (!sockets) return sockets;
    const auto ipv6 = read("raw6", [](std::istream& text) { return parse_raw_sockets(text, Family::ipv6); });
    if (!ipv6) return ipv6;
    sockets->insert(sockets->end(), ipv6->begin(), ipv6->end());
    return sockets;
}

Result<std::vector<VirtualService>> virtual_services() {
    return read("ip_vs", parse_virtual_services);
}

}  // namespace xdemux
