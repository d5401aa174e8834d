// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <map>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <xdemux/policy/service.h>

namespace xdemux {
namespace {

constexpr std::size_t max_entry_bytes = std::size_t{1} << 20U;

/// Runs one of netdb's reentrant calls, with more room as long as it asks for more. nullptr: no such entry.
template <typename Call>
const servent* query(std::vector<char>& buffer, servent& entry, Call call) {
    servent* found = nullptr;
    while (call(&entry, buffer.data(), buffer.size(), &found) == ERANGE && buffer.size() < max_entry_bytes) {
        buffer.resize(buffer.size() * 2);
    }
    return found;
}

std::uint16_t port_of(const servent& entry) {
    return ntohs(static_cast<std::uint16_t>(entry.s_port));
}

std::optional<std::uint16_t> find_by_name(const std::string& name, Proto proto) {
    // A batch may name one service a million times, and each look-up reads the database's file. Only hits are kept:
    // a name that is added later is found.
    thread_local std::map<std::pair<Proto, std::string>, std::uint16_t> known;
    const auto key = std::pair(proto, name);
    if (const auto hit = known.find(key); hit != known.end()) return hit->second;

    std::vector<char> buffer(1024);
    servent entry{};
    const servent* found = query(buffer, entry, [&](servent* into, char* bytes, std::size_t size, servent** result) {
        return getservbyname_r(name.c_str(), proto_name(proto).data(), into, bytes, size, result);
    });
    if (found == nullptr || port_of(*found) == 0) return std::nullopt;
    return known[key] = port_of(*found);
}

/// Whether someone meant a number: "-1", "+80", "80x", "0x50".
bool looks_numeric(std::string_view text) {
    const std::size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
    return text.size() > sign && std::isdigit(static_cast<unsigned char>(text[sign])) != 0;
}

}  // namespace

Result<std::uint16_t> parse_port(std::string_view text, Proto proto) {
    if (text.empty()) return fail(ErrorKind::usage, "the port is missing");
    long number = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (end == last && error != std::errc::invalid_argument) {
        if (error == std::errc{} && number >= 1 && number <= 65535) return static_cast<std::uint16_t>(number);
        return fail(ErrorKind::usage, fmt::format("port {} is outside 1-65535", text));
    }
    // Some services are named by a digit first ("3com-tsmux"), so the database is asked even then.
    if (text.find('\0') == std::string_view::npos) {
        if (const auto port = find_by_name(std::string(text), proto)) return *port;
    }
    if (looks_numeric(text)) {
        return fail(ErrorKind::usage, fmt::format("port \"{}\" is not a number from 1 to 65535", text));
    }
    return fail(ErrorKind::usage, fmt::format("unknown {} service \"{}\"; use a port number, or a name that "
                                              "\"getent services\" lists",
                                              proto_name(proto), text));
}

std::optional<std::string> service_name(std::uint16_t port, Proto proto) {
    std::vector<char> buffer(1024);
    servent entry{};
    const servent* found = query(buffer, entry, [&](servent* into, char* bytes, std::size_t size, servent** result) {
        return getservbyport_r(htons(port), proto_name(proto).data(), into, bytes, size, result);
    });
    if (found == nullptr) return std::nullopt;
    return std::string(found->s_name);
}

std::vector<Service> all_services(Proto proto) {
    std::vector<Service> services;
    std::vector<char> buffer(1024);
    servent entry{};
    setservent(1);
    while (const servent* found =
               query(buffer, entry, [](servent* into, char* bytes, std::size_t size, servent** result) {
                   return getservent_r(into, bytes, size, result);
               })) {
        if (proto_name(proto) == found->s_proto) services.push_back({port_of(*found), found->s_name});
    }
    endservent();
    const auto by_port = [](const Service& a, const Service& b) { return a.port < b.port; };
    std::stable_sort(services.begin(), services.end(), by_port);
    const auto same_port = [](const Service& a, const Service& b) { return a.port == b.port; };
    services.erase(std::unique(services.begin(), services.end(), same_port), services.end());
    return services;
}

}  // namespace xdemux
