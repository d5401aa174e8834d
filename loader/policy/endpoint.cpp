// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/service.h>

namespace xdemux {
namespace {

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// The two sides of an endpoint's text, brackets taken off.
struct Parts {
    std::string_view host;
    std::string_view port;
};

auto endpoint_error(std::string_view text, std::string_view why) {
    return fail(ErrorKind::usage, fmt::format("endpoint \"{}\": {}", text, why));
}

/// Whether an endpoint may stand for several: "*" for all addresses, or for all ports.
enum class Reach : std::uint8_t { several, one };

auto missing_port(std::string_view text, std::string_view host, Reach reach) {
    const std::string all = reach == Reach::several ? fmt::format(", or {}:* for all ports", host) : "";
    return endpoint_error(text, fmt::format("the port is missing; use {}:PORT{}", host, all));
}

auto missing_address(std::string_view text, std::string_view port, Reach reach) {
    const std::string all = reach == Reach::several ? fmt::format(", or *:{} for all addresses", port) : "";
    return endpoint_error(text, fmt::format("the address is missing; use ADDR:{}{}", port, all));
}

Result<Parts> split_bracketed(std::string_view text, Reach reach) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return endpoint_error(text, "\"[\" has no \"]\"");
    const std::string_view host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (host.find(':') == std::string_view::npos && host.find('.') != std::string_view::npos) {
        return endpoint_error(text, fmt::format("brackets are for IPv6; use {}{}", host, rest));
    }
    if (rest.starts_with('/')) {
        return endpoint_error(text, "a prefix length stands inside the brackets; use [ADDR/LEN]:PORT");
    }
    if (rest.empty() || rest == ":") {
        return missing_port(text, fmt::format("[{}]", host), reach);
    }
    if (!rest.starts_with(':')) return endpoint_error(text, "\"]\" is to be followed by \":\" and a port");
    return Parts{host, rest.substr(1)};
}

Result<Parts> split(std::string_view text, Reach reach) {
    if (text.empty()) return endpoint_error(text, "it is empty; use ADDR:PORT");
    if (text.front() == '[') return split_bracketed(text, reach);
    const auto colon = text.find(':');
    if (colon == std::string_view::npos)
        return all_digits(text) ? missing_address(text, text, reach) : missing_port(text, text, reach);
    const std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) {
        if (host.find('.') != std::string_view::npos) {
            return endpoint_error(text, "it mixes IPv4 and IPv6; use ADDR:PORT for IPv4 or [ADDR]:PORT for IPv6");
        }
        return endpoint_error(text, "an IPv6 address needs brackets; use [ADDR]:PORT");
    }
    if (host.empty()) return missing_address(text, port.empty() ? "PORT" : port, reach);
    if (port.empty()) return missing_port(text, host, reach);
    return Parts{host, port};
}

std::string join(std::string_view host, Family family, std::string_view port) {
    return family == Family::ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Status parse_prefix_into(LocalEndpoint& endpoint, const Parts& parts) {
    const auto prefix = Prefix::parse(parts.host);
    if (!prefix) return fail(prefix.error());
    const Family family = prefix->address.family();
    if (prefix->address.is_wildcard() && (prefix->length == 0 || prefix->length == address_bits(family))) {
        return fail(ErrorKind::usage, fmt::format("prefix \"{}\" is no listener's; use {} for all addresses",
                                                  parts.host, join(prefix->address.to_string(), family, parts.port)));
    }
    endpoint.form = prefix->length == address_bits(family) ? LocalForm::exact : LocalForm::prefix;
    endpoint.prefix = *prefix;
    return {};
}

Status parse_address_into(LocalEndpoint& endpoint, const Parts& parts) {
    if (parts.host == "*") {
        endpoint.form = LocalForm::wildcard;
        endpoint.prefix = {Address::any(Family::ipv6), 0};
        return {};
    }
    if (parts.host.find('/') != std::string_view::npos) return parse_prefix_into(endpoint, parts);
    const auto address = Address::parse(parts.host);
    if (!address) return fail(address.error());
    const bool wildcard = address->is_wildcard();
    endpoint.form = wildcard ? LocalForm::wildcard : LocalForm::exact;
    endpoint.prefix = {*address, wildcard ? std::uint8_t{0} : address_bits(address->family())};
    return {};
}

}  // namespace

Result<PortRange> PortRange::parse(std::string_view text, Proto proto) {
    if (text == "*") return all();
    const auto dash = text.find('-');
    // A dash after anything but a number is part of a service's name ("http-alt") or a sign.
    if (dash == std::string_view::npos || !all_digits(text.substr(0, dash))) {
        const auto port = parse_port(text, proto);
        if (!port) return fail(port.error());
        return one(*port);
    }
    const auto first = parse_port(text.substr(0, dash), proto);
    if (!first) return fail(first.error());
    const auto last = parse_port(text.substr(dash + 1), proto);
    if (!last) return fail(last.error().in(fmt::format("port range \"{}\"", text)));
    if (*first > *last) {
        return fail(ErrorKind::usage, fmt::format("port range {} runs backwards; use {}-{}", text, *last, *first));
    }
    return PortRange{*first, *last};
}

std::string PortRange::to_string() const {
    if (is_all()) return "*";
    return is_single() ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

Result<LocalEndpoint> LocalEndpoint::parse(std::string_view text, Proto proto) {
    const auto parts = split(text, Reach::several);
    if (!parts) return fail(parts.error());
    LocalEndpoint endpoint;
    if (const auto address = parse_address_into(endpoint, *parts); !address) {
        return endpoint_error(text, address.error().message());
    }
    const auto ports = PortRange::parse(parts->port, proto);
    if (!ports) return endpoint_error(text, ports.error().message());
    endpoint.ports = *ports;
    return endpoint;
}

std::string LocalEndpoint::address_text() const {
    return form == LocalForm::prefix ? prefix.to_string() : prefix.address.to_string();
}

std::string LocalEndpoint::to_string() const {
    return join(address_text(), family(), ports.to_string());
}

Result<SocketAddress> SocketAddress::parse(std::string_view text, Proto proto) {
    const auto parts = split(text, Reach::one);
    if (!parts) return fail(parts.error());
    if (parts->host == "*" || parts->host.find('/') != std::string_view::npos) {
        return endpoint_error(text, fmt::format("\"{}\" is not one address", parts->host));
    }
    const auto address = Address::parse(parts->host);
    if (!address) return endpoint_error(text, address.error().message());
    const auto ports = PortRange::parse(parts->port, proto);
    if (!ports) return endpoint_error(text, ports.error().message());
    if (!ports->is_single()) return endpoint_error(text, fmt::format("\"{}\" is not one port", parts->port));
    return SocketAddress{*address, ports->first};
}

std::string SocketAddress::to_string() const {
    return join(address.to_string(), address.family(), fmt::format("{}", port));
}

}  // namespace xdemux
