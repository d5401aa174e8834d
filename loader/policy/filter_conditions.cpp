// SPDX-License-Identifier: BSD-2-Clause
#include "filter_conditions.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <xdemux/policy/service.h>

namespace xdemux::filter {
namespace {

using Predicate = Filter::Predicate;

constexpr unsigned bit(SocketState state) {
    return 1U << static_cast<unsigned>(state);
}

constexpr StateSet every_state = (1U << (static_cast<unsigned>(SocketState::closing) + 1)) - 2;
constexpr StateSet connected_states = every_state & ~bit(SocketState::listening) & ~bit(SocketState::closed);
constexpr StateSet bucket_states = bit(SocketState::syn_recv) | bit(SocketState::time_wait);

struct StateWord {
    std::string_view word;
    StateSet states;
};

constexpr std::array state_words{
    StateWord{"established", bit(SocketState::established)},
    StateWord{"estab", bit(SocketState::established)},
    StateWord{"syn-sent", bit(SocketState::syn_sent)},
    StateWord{"syn-recv", bit(SocketState::syn_recv)},
    StateWord{"fin-wait-1", bit(SocketState::fin_wait_1)},
    StateWord{"fin-wait-2", bit(SocketState::fin_wait_2)},
    StateWord{"time-wait", bit(SocketState::time_wait)},
    StateWord{"closed", bit(SocketState::closed)},
    StateWord{"unconnected", bit(SocketState::closed)},
    StateWord{"unconn", bit(SocketState::closed)},
    StateWord{"close-wait", bit(SocketState::close_wait)},
    StateWord{"last-ack", bit(SocketState::last_ack)},
    StateWord{"listening", bit(SocketState::listening)},
    StateWord{"listen", bit(SocketState::listening)},
    StateWord{"closing", bit(SocketState::closing)},
    StateWord{"all", every_state},
    StateWord{"connected", connected_states},
    StateWord{"synchronized", connected_states & ~bit(SocketState::syn_sent)},
    StateWord{"bucket", bucket_states},
    StateWord{"big", every_state & ~bucket_states},
};

bool compare(const PortRange& ports, Comparison comparison, std::uint16_t value) {
    const std::uint16_t first = ports.is_all() ? std::uint16_t{1} : ports.first;
    const std::uint16_t last = ports.is_all() ? std::uint16_t{65535} : ports.last;
    switch (comparison) {
        case Comparison::equal:
            return ports.covers(value);
        case Comparison::not_equal:
            return !ports.covers(value);
        case Comparison::less:
            return first < value;
        case Comparison::less_equal:
            return first <= value;
        case Comparison::greater:
            return last > value;
        case Comparison::greater_equal:
            break;
    }
    return last >= value;
}

/// HOST's text taken apart: ADDR[/LEN] with the brackets taken off, and the port, if any.
struct HostText {
    std::string address;
    std::string_view port;
    bool has_port = false;
};

Result<HostText> split_host(std::string_view word) {
    if (word.front() == '[') {
        const auto close = word.find(']');
        if (close == std::string_view::npos) return word_error(word, "\"[\" has no \"]\"");
        const std::string_view rest = word.substr(close + 1);
        const auto colon = rest.find(':');
        const std::string_view length = rest.substr(0, colon);
        if (!length.empty() && length.front() != '/') {
            return word_error(word, "\"]\" is to be followed by \":\" or \"/\"");
        }
        const bool has_port = colon != std::string_view::npos;
        return HostText{fmt::format("{}{}", word.substr(1, close - 1), length),
                        has_port ? rest.substr(colon + 1) : std::string_view{}, has_port};
    }
    const auto colon = word.find(':');
    // Several colons and no brackets: an IPv6 address without a port.
    if (colon == std::string_view::npos || word.find(':', colon + 1) != std::string_view::npos) {
        return HostText{std::string(word), {}, false};
    }
    return HostText{std::string(word.substr(0, colon)), word.substr(colon + 1), true};
}

}  // namespace

const StateSet all_states = every_state;

tl::unexpected<Error> word_error(std::string_view word, std::string_view why) {
    return fail(ErrorKind::usage, fmt::format("filter: \"{}\": {}", word, why));
}

Result<StateSet> parse_states(std::string_view word) {
    std::string lower(word);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    std::string known;
    for (const auto& [name, states] : state_words) {
        if (lower == name) return states;
        known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
    }
    return word_error(word, fmt::format("unknown state; the states are: {}", known));
}

std::optional<Comparison> parse_comparison(std::string_view word) {
    constexpr std::array<std::pair<std::string_view, Comparison>, 14> words{{
        {"=", Comparison::equal},
        {"==", Comparison::equal},
        {"eq", Comparison::equal},
        {"!=", Comparison::not_equal},
        {"ne", Comparison::not_equal},
        {"neq", Comparison::not_equal},
        {"<", Comparison::less},
        {"lt", Comparison::less},
        {"<=", Comparison::less_equal},
        {"le", Comparison::less_equal},
        {">", Comparison::greater},
        {"gt", Comparison::greater},
        {">=", Comparison::greater_equal},
        {"ge", Comparison::greater_equal},
    }};
    const auto found = std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.first == word; });
    return found == words.end() ? std::nullopt : std::optional(found->second);
}

/// Rows of both protocols are filtered by one name, so a name of either will do.
Result<std::uint16_t> parse_filter_port(std::string_view word, std::string_view text) {
    const auto tcp = parse_port(text, Proto::tcp);
    if (tcp) return *tcp;
    const auto udp = parse_port(text, Proto::udp);
    if (udp) return *udp;
    return word_error(word, tcp.error().message());
}

Result<Host> parse_host(std::string_view word) {
    const auto text = split_host(word);
    if (!text) return fail(text.error());
    Host host;
    if (text->address.find('/') != std::string::npos) {
        const auto prefix = Prefix::parse(text->address);
        if (!prefix) return word_error(word, prefix.error().message());
        host.prefix = *prefix;
    } else if (text->address != "*" && !(text->address.empty() && text->has_port)) {
        const auto address = Address::parse(text->address);
        if (!address) return word_error(word, address.error().message());
        host.prefix = Prefix{*address, address_bits(address->family())};
    }
    if (text->has_port && text->port != "*") {
        const auto port = parse_filter_port(word, text->port);
        if (!port) return fail(port.error());
        host.port = *port;
    }
    return host;
}

Predicate state_condition(StateSet wanted) {
    return [=](const Row& row) { return (wanted & bit(row.state)) != 0; };
}

Predicate port_condition(Side side, Comparison comparison, std::uint16_t value) {
    return [=](const Row& row) {
        if (side == Side::local) return compare(row.local.ports, comparison, value);
        if (!row.remote) return comparison == Comparison::not_equal;
        return compare(PortRange::one(row.remote->port), comparison, value);
    };
}

Predicate host_condition(Side side, bool wanted, const Host& host) {
    return [=](const Row& row) {
        if (side == Side::local) return host.covers(row.local.prefix, row.local.ports) == wanted;
        if (!row.remote) return !wanted;
        const Address& address = row.remote->address;
        const Prefix whole{address, address_bits(address.family())};
        return host.covers(whole, PortRange::one(row.remote->port)) == wanted;
    };
}

Predicate family_condition(Family family) {
    return [=](const Row& row) { return row.family == family; };
}

Predicate proto_condition(Proto proto) {
    return [=](const Row& row) { return row.proto == proto; };
}

bool Host::covers(const Prefix& of_row, const PortRange& ports) const {
    if (port && !ports.covers(*port)) return false;
    // `src 0.0.0.0` asks for the wildcard itself, which no longer prefix contains.
    const bool wildcard = prefix && prefix->address.is_wildcard() && of_row.length == 0;
    return !prefix || prefix->contains(of_row) || (wildcard && of_row.address == prefix->address);
}

}  // namespace xdemux::filter
