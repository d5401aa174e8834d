// SPDX-License-Identifier: BSD-2-Clause
#include <xdemux/policy/shared_endpoints.h>

namespace xdemux {

// Listeners that steer share all their ports, or none: see ListenerSet::add(). So each is in one segment.
std::vector<SharedEndpoint> shared_endpoints(const ListenerSet& listeners) {
    std::vector<SharedEndpoint> found;
    for (const auto& [place, intervals] : listeners.places()) {
        for (const auto& [first, segment] : intervals.segments()) {
            const Listener& front = *listeners.find(segment.holders.front());
            if (segment.holders.size() > 1 && entry_kind(front.target.kind) == TargetKind::steer)
                found.push_back(segment.holders);
        }
    }
    return found;
}

}  // namespace xdemux
