// SPDX-License-Identifier: BSD-2-Clause
// Who may reach a listener: the sources that it admits, and how fast each of them may send. A value, its grammar and
// its text; what it does to a packet is the data path's part.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>

namespace xdemux {

/// Of each source address by itself.
struct Rate {
    std::uint32_t packets_per_second = 1;
    std::uint32_t burst = 1;  ///< packets that may come at once

    /// Of both. From here on, a packet's share of a second is rounded by more than one in a hundred.
    static constexpr std::uint32_t most = 10'000'000;

    friend constexpr auto operator<=>(const Rate&, const Rate&) = default;
};

struct Guard {
    std::vector<Prefix> sources;  ///< sorted, each once; empty: every source is admitted
    std::optional<Rate> rate;     ///< none: as fast as they like

    /// Whether it restricts nothing.
    [[nodiscard]] bool empty() const { return sources.empty() && !rate; }
    /// Whether the source is one of those admitted. A list without prefixes of its family admits none of that family.
    [[nodiscard]] bool admits(const Address& source) const;
    /// `from 10.0.0.0/8,192.0.2.7 rate 100/s burst 100`; of a long list the first ones and a count; empty where it
    /// restricts nothing.
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const Guard&, const Guard&) = default;
};

/// "ADDR/LEN", or "ADDR" for a host. ErrorKind::usage; host bits are refused.
Result<Prefix> parse_source(std::string_view text);
/// As parse_source() takes it: a host without a length.
std::string source_text(const Prefix& source);
/// Sources with commas between, put behind those of `into`. ErrorKind::usage.
Status parse_sources(std::string_view text, std::vector<Prefix>& into);
/// A source a line, put behind those of `into`; blank lines and what follows a `#` are skipped. `name` names the stream
/// in the messages: "NAME:LINE: MESSAGE", one a line. ErrorKind::usage, also where there is no source at all, for that
/// would admit everyone; failed where the stream cannot be read.
Status read_sources(std::istream& in, std::string_view name, std::vector<Prefix>& into);
/// Sorts them and drops what is there twice, as Guard::sources wants it.
void sort_sources(std::vector<Prefix>& sources);

/// From the values of --rate and --burst; none where both are missing. ErrorKind::usage: no number within the limits,
/// or a burst without a rate.
Result<std::optional<Rate>> parse_rate(std::optional<std::string_view> rate, std::optional<std::string_view> burst);

}  // namespace xdemux
