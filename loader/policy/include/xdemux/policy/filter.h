// SPDX-License-Identifier: BSD-2-Clause
// The filter language of ss(8) over rows of a table. It decides about one row at a time and neither fetches nor
// prints any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

/// TCP's states, by the kernel's numbers (net/tcp_states.h). A UDP listener is `listening`, a UDP flow `established`.
enum class SocketState : std::uint8_t {
    established = 1,
    syn_sent,
    syn_recv,
    fin_wait_1,
    fin_wait_2,
    time_wait,
    closed,
    close_wait,
    last_ack,
    listening,
    closing,
};

/// As a table prints it: "LISTEN", "ESTAB", "TIME-WAIT", ...
std::string_view socket_state_name(SocketState state);

/// What of a table's row a filter looks at.
struct Row {
    Proto proto = Proto::tcp;
    Family family = Family::ipv4;  ///< a dual-stack listener is IPv6, as with ss
    SocketState state = SocketState::listening;
    LocalEndpoint local;
    std::optional<SocketAddress> remote;  ///< none: any peer
};

/// A parsed filter; an empty one matches every row.
///
///     FILTER := [EXPR]                    EXPR := TERM { or TERM }        TERM := FACTOR { [and] FACTOR }
///     FACTOR := (not|!) FACTOR | ( EXPR ) | sport [OP] PORT | dport [OP] PORT | src [=|!=] HOST | dst [=|!=] HOST
///             | STATES | family (inet|inet6) | -4 | -6 | tcp | udp
///     STATES := (state|exclude) STATE { (state|exclude) STATE }, which add up: `state established state time-wait`
///     OP     := = == != < <= > >= or eq ne lt le gt ge; && & || | stand for `and` and `or`
///     PORT   := [:]NUMBER | [:]SERVICE
///     HOST   := ADDR[/LEN][:PORT] | :PORT | *[:PORT], IPv6 in brackets where a port follows
///
/// A row with a port range matches `= :P` when P is in it, `< :P` and its like when some port of it does; `!=` is the
/// contrary of `=`. A row for a prefix matches `src` when all of it lies within the one given. A row without a peer
/// matches no `dst` and no `dport` but by `!=`.
class Filter {
  public:
    using Predicate = std::function<bool(const Row&)>;

    Filter() = default;
    /// One word or several in each string. ErrorKind::usage, naming the offending word.
    static Result<Filter> parse(const std::vector<std::string>& words);

    /// The rows that match both: for the `-4` and `-6` of a command line.
    [[nodiscard]] Filter only(Family family) const;
    [[nodiscard]] bool matches(const Row& row) const { return empty() || predicate_(row); }
    [[nodiscard]] bool empty() const { return predicate_ == nullptr; }

  private:
    explicit Filter(Predicate predicate) : predicate_(std::move(predicate)) {}

    Predicate predicate_;
};

}  // namespace xdemux
