// SPDX-License-Identifier: BSD-2-Clause
// The single conditions of a filter: what their words mean, and the predicate each makes. Private to the policy box;
// how conditions are joined is filter.cpp's part.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <xdemux/policy/filter.h>

namespace xdemux::filter {

enum class Comparison : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };
enum class Side : std::uint8_t { local, remote };

/// What follows `src` or `dst`.
struct Host {
    std::optional<Prefix> prefix;       ///< none: any address
    std::optional<std::uint16_t> port;  ///< none: any port

    [[nodiscard]] bool covers(const Prefix& of_row, const PortRange& ports) const;
};

/// The failure of every parser here: `filter: "WORD": WHY`.
tl::unexpected<Error> word_error(std::string_view word, std::string_view why);

/// A bit per SocketState, at its number.
using StateSet = unsigned;
extern const StateSet all_states;
Result<StateSet> parse_states(std::string_view word);

std::optional<Comparison> parse_comparison(std::string_view word);
/// `word` is for the message, `text` the number or service name in it.
Result<std::uint16_t> parse_filter_port(std::string_view word, std::string_view text);
Result<Host> parse_host(std::string_view word);

Filter::Predicate state_condition(StateSet wanted);
Filter::Predicate port_condition(Side side, Comparison comparison, std::uint16_t value);
/// `wanted` is false for `!=`.
Filter::Predicate host_condition(Side side, bool wanted, const Host& host);
Filter::Predicate family_condition(Family family);
Filter::Predicate proto_condition(Proto proto);

}  // namespace xdemux::filter
