// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <iterator>

#include <xdemux/policy/port_intervals.h>

namespace xdemux {

PortIntervals::Segments::const_iterator PortIntervals::first_touching(std::uint16_t port) const {
    const auto next = segments_.upper_bound(port);
    if (next == segments_.begin()) return next;
    const auto before = std::prev(next);
    return before->second.last >= port ? before : next;
}

void PortIntervals::split_before(std::uint16_t port) {
    const auto next = segments_.upper_bound(port);
    if (next == segments_.begin()) return;
    const auto inside = std::prev(next);
    if (inside->first == port || inside->second.last < port) return;
    const Segment tail = inside->second;
    inside->second.last = static_cast<std::uint16_t>(port - 1);
    segments_.emplace_hint(next, port, tail);
}

void PortIntervals::add(PortRange ports, std::uint32_t id) {
    split_before(ports.first);
    if (ports.last != UINT16_MAX) split_before(static_cast<std::uint16_t>(ports.last + 1));
    // Wider than a port, so that the step past 65535 ends the loop.
    std::uint32_t at = ports.first;
    auto segment = segments_.lower_bound(ports.first);
    while (at <= ports.last) {
        if (segment != segments_.end() && segment->first == at) {
            auto& holders = segment->second.holders;
            holders.insert(std::upper_bound(holders.begin(), holders.end(), id), id);
        } else {
            const bool free_to_end = segment == segments_.end() || segment->first > ports.last;
            const auto last = free_to_end ? ports.last : static_cast<std::uint16_t>(segment->first - 1);
            segment = segments_.emplace_hint(segment, static_cast<std::uint16_t>(at), Segment{last, {id}});
        }
        at = std::uint32_t{segment->second.last} + 1;
        ++segment;
    }
}

void PortIntervals::remove(PortRange ports, std::uint32_t id) {
    split_before(ports.first);
    if (ports.last != UINT16_MAX) split_before(static_cast<std::uint16_t>(ports.last + 1));
    auto segment = segments_.lower_bound(ports.first);
    while (segment != segments_.end() && segment->first <= ports.last) {
        auto& holders = segment->second.holders;
        holders.erase(std::remove(holders.begin(), holders.end(), id), holders.end());
        segment = holders.empty() ? segments_.erase(segment) : std::next(segment);
    }
}

std::vector<std::uint32_t> PortIntervals::holders(PortRange ports) const {
    std::vector<std::uint32_t> found;
    for (auto segment = first_touching(ports.first); segment != segments_.end() && segment->first <= ports.last;
         ++segment) {
        found.insert(found.end(), segment->second.holders.begin(), segment->second.holders.end());
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

}  // namespace xdemux
