// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cstddef>
#include <initializer_list>

#include <fmt/format.h>

#include "filter_conditions.h"

namespace xdemux {
namespace {

using namespace filter;
using Predicate = Filter::Predicate;

constexpr std::string_view operator_characters = "=!<>&|";

/// How long the token at the front of `text` is; `text` begins with no blank.
std::size_t token_length(std::string_view text) {
    if (text.front() == '(' || text.front() == ')') return 1;
    if (operator_characters.find(text.front()) == std::string_view::npos) {
        return std::min(text.find_first_of(" \t\n()=!<>&|"), text.size());
    }
    // Of two characters: == != <= >= && ||
    const bool doubled =
        text.size() > 1 && (text[1] == '=' || (text[1] == text[0] && (text[0] == '&' || text[0] == '|')));
    return doubled ? 2 : 1;
}

std::vector<std::string> tokens_of(const std::vector<std::string>& words) {
    std::vector<std::string> tokens;
    for (const std::string& word : words) {
        std::string_view rest = word;
        while (true) {
            rest.remove_prefix(std::min(rest.find_first_not_of(" \t\n"), rest.size()));
            if (rest.empty()) break;
            const std::size_t length = token_length(rest);
            tokens.emplace_back(rest.substr(0, length));
            rest.remove_prefix(length);
        }
    }
    return tokens;
}

Predicate both(Predicate a, Predicate b) {
    return [a = std::move(a), b = std::move(b)](const Row& row) { return a(row) && b(row); };
}

Predicate either(Predicate a, Predicate b) {
    return [a = std::move(a), b = std::move(b)](const Row& row) { return a(row) || b(row); };
}

/// Recursive descent; each function takes what it reads off the front.
class Parser {
  public:
    explicit Parser(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

    Result<Predicate> run() {
        auto expression = parse_or();
        if (expression && !at_end()) return word_error(front(), "nothing is to be closed here");
        return expression;
    }

  private:
    // A filter that is nested deeper is no one's filter, and must not cost the stack.
    static constexpr int max_depth = 64;

    [[nodiscard]] bool at_end() const { return at_ == tokens_.size(); }
    [[nodiscard]] std::string_view front() const { return at_end() ? std::string_view{} : tokens_[at_]; }

    bool accept(std::initializer_list<std::string_view> words) {
        if (at_end() || std::find(words.begin(), words.end(), front()) == words.end()) return false;
        ++at_;
        return true;
    }

    /// The next word, which `after` asks for.
    Result<std::string_view> take(std::string_view after, std::string_view what) {
        if (at_end()) return word_error(after, fmt::format("{} is to follow", what));
        return std::string_view(tokens_[at_++]);
    }

    Result<Predicate> parse_or() {
        auto left = parse_and();
        while (left && accept({"or", "|", "||"})) {
            auto right = parse_and();
            if (!right) return right;
            left = either(std::move(*left), std::move(*right));
        }
        return left;
    }

    Result<Predicate> parse_and() {
        auto left = parse_factor();
        while (left && !at_end()) {
            const bool explicit_and = accept({"and", "&", "&&"});
            if (!explicit_and && (front() == ")" || front() == "or" || front() == "|" || front() == "||")) break;
            auto right = parse_factor();
            if (!right) return right;
            left = both(std::move(*left), std::move(*right));
        }
        return left;
    }

    Result<Predicate> parse_factor() {
        if (at_end()) {
            return word_error(tokens_[at_ - 1], "a condition is to follow");
        }
        if (++depth_ > max_depth) return word_error(front(), "the filter is nested too deeply");
        auto factor = parse_nested_or_condition();
        --depth_;
        return factor;
    }

    Result<Predicate> parse_nested_or_condition() {
        if (accept({"not", "!"})) {
            auto inner = parse_factor();
            if (!inner) return inner;
            return Predicate([inner = std::move(*inner)](const Row& row) { return !inner(row); });
        }
        if (accept({"("})) {
            auto inner = parse_or();
            if (inner && !accept({")"})) {
                return word_error(at_end() ? std::string_view("(") : front(), "a \")\" is missing");
            }
            return inner;
        }
        return parse_condition();
    }

    Result<Predicate> parse_condition() {
        if (front() == "state" || front() == "exclude") return parse_state_run();
        const std::string_view word = tokens_[at_++];
        if (word == "sport") return parse_port_condition(word, Side::local);
        if (word == "dport") return parse_port_condition(word, Side::remote);
        if (word == "src") return parse_host_condition(word, Side::local);
        if (word == "dst") return parse_host_condition(word, Side::remote);
        if (word == "family") return parse_family(word);
        if (word == "-4") return family_condition(Family::ipv4);
        if (word == "-6") return family_condition(Family::ipv6);
        if (word == "tcp") return proto_condition(Proto::tcp);
        if (word == "udp") return proto_condition(Proto::udp);
        return word_error(
            word, "no condition begins with it; use state, exclude, sport, dport, src, dst, family, tcp or udp");
    }

    Result<Predicate> parse_state_run() {
        StateSet chosen = 0;
        StateSet excluded = 0;
        while (front() == "state" || front() == "exclude") {
            const std::string_view word = tokens_[at_++];
            const auto name = take(word, "a state");
            if (!name) return fail(name.error());
            const auto states = parse_states(*name);
            if (!states) return fail(states.error());
            (word == "state" ? chosen : excluded) |= *states;
        }
        const StateSet wanted = (chosen == 0 ? all_states : chosen) & ~excluded;
        return state_condition(wanted);
    }

    Result<Predicate> parse_port_condition(std::string_view word, Side side) {
        const auto comparison = parse_comparison(front());
        if (comparison) ++at_;
        const auto text = take(comparison ? std::string_view(tokens_[at_ - 1]) : word, "a port, as in :443");
        if (!text) return fail(text.error());
        const auto port = parse_filter_port(*text, text->starts_with(':') ? text->substr(1) : *text);
        if (!port) return fail(port.error());
        return port_condition(side, comparison.value_or(Comparison::equal), *port);
    }

    Result<Predicate> parse_host_condition(std::string_view word, Side side) {
        const auto comparison = parse_comparison(front());
        if (comparison) ++at_;
        if (comparison && *comparison != Comparison::equal && *comparison != Comparison::not_equal) {
            return word_error(tokens_[at_ - 1], fmt::format("addresses have no order; use = or != after {}", word));
        }
        const auto text =
            take(comparison ? std::string_view(tokens_[at_ - 1]) : word, "an address, as in 10.0.0.0/8:443");
        if (!text) return fail(text.error());
        const auto host = parse_host(*text);
        if (!host) return fail(host.error());
        return host_condition(side, comparison != Comparison::not_equal, *host);
    }

    Result<Predicate> parse_family(std::string_view word) {
        const auto name = take(word, "inet or inet6");
        if (!name) return fail(name.error());
        if (*name == "inet") return family_condition(Family::ipv4);
        if (*name == "inet6") return family_condition(Family::ipv6);
        return word_error(*name, "unknown family; use inet or inet6");
    }

    std::vector<std::string> tokens_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

}  // namespace

std::string_view socket_state_name(SocketState state) {
    switch (state) {
        case SocketState::established:
            return "ESTAB";
        case SocketState::syn_sent:
            return "SYN-SENT";
        case SocketState::syn_recv:
            return "SYN-RECV";
        case SocketState::fin_wait_1:
            return "FIN-WAIT-1";
        case SocketState::fin_wait_2:
            return "FIN-WAIT-2";
        case SocketState::time_wait:
            return "TIME-WAIT";
        case SocketState::closed:
            return "UNCONN";
        case SocketState::close_wait:
            return "CLOSE-WAIT";
        case SocketState::last_ack:
            return "LAST-ACK";
        case SocketState::listening:
            return "LISTEN";
        case SocketState::closing:
            return "CLOSING";
    }
    return "UNKNOWN";
}

Result<Filter> Filter::parse(const std::vector<std::string>& words) {
    auto tokens = tokens_of(words);
    if (tokens.empty()) return Filter();
    auto predicate = Parser(std::move(tokens)).run();
    if (!predicate) return fail(predicate.error());
    return Filter(std::move(*predicate));
}

Filter Filter::only(Family family) const {
    return Filter(empty() ? family_condition(family) : both(predicate_, family_condition(family)));
}

}  // namespace xdemux
