// SPDX-License-Identifier: BSD-2-Clause
// Whether packets come as far as the look-up of sockets, and who is asked there besides us.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <xdemux/ops/findings.h>

namespace xdemux {
namespace {

bool is_local(const Prefix& prefix, const std::vector<LocalRoute>& routes) {
    return std::ranges::any_of(routes, [&](const LocalRoute& route) { return route.prefix.contains(prefix); });
}

Finding not_local(const Listener& listener) {
    const std::string prefix = listener.local.prefix.to_string();
    return {
        Severity::warning,
        FindingGroup::target,
        "socket_prefix",
        fmt::format("listener {}", listener.describe()),
        fmt::format("{} is not this host's by any route", prefix),
        fmt::format("the kernel looks for no socket for such packets, so none gets to {}", listener.target.to_string()),
        fmt::format("ip {}route add local {} dev lo", listener.local.family() == Family::ipv6 ? "-6 " : "", prefix)};
}

/// `first`: of them, those that are asked before ours.
Finding others_ask(const std::vector<std::uint32_t>& others, std::size_t first) {
    return {Severity::note,
            FindingGroup::target,
            "socket_programs",
            "network namespace",
            fmt::format("other sk_lookup programs are on it: id {}", fmt::join(others, ", ")),
            fmt::format("they are asked in the order in which they were attached, {} before this instance's; a socket "
                        "that an earlier one chose stands, a later one may choose another",
                        first)};
}

}  // namespace

std::vector<Finding> judge_sockets(const SocketFacts& facts, const ListenerSet& listeners) {
    std::vector<Finding> findings;
    for (const auto& [id, listener] : listeners.listeners()) {
        if (listener.target.kind != TargetKind::socket || listener.local.form == LocalForm::wildcard) continue;
        if (!is_local(listener.local.prefix, facts.routes)) findings.push_back(not_local(listener));
    }
    if (!facts.ours) return findings;
    const auto ours = std::ranges::find(facts.programs, *facts.ours);
    std::vector<std::uint32_t> others;
    std::ranges::remove_copy(facts.programs, std::back_inserter(others), *facts.ours);
    const auto first = static_cast<std::size_t>(std::distance(facts.programs.begin(), ours));
    if (!others.empty()) findings.push_back(others_ask(others, std::min(first, others.size())));
    return findings;
}

}  // namespace xdemux
