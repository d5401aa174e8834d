// SPDX-License-Identifier: BSD-2-Clause
// Which listeners hold which ports of one place (an address, prefix or wildcard of one protocol and device). Port
// intervals only: it knows nothing of conflicts, and all ports (`*`) is just its port 0.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <xdemux/policy/endpoint.h>

namespace xdemux {

/// An ordered list of disjoint segments, each with the holders of all of its ports. A range that overlaps others
/// splits them, so that the members of reuseport groups may have different ranges.
class PortIntervals {
  public:
    struct Segment {
        std::uint16_t last = 0;              ///< inclusive; the first port is the key
        std::vector<std::uint32_t> holders;  ///< listener ids, ascending, never empty
    };
    using Segments = std::map<std::uint16_t, Segment>;

    void add(PortRange ports, std::uint32_t id);
    /// Does nothing for ports that `id` does not hold.
    void remove(PortRange ports, std::uint32_t id);
    /// All who hold at least one of the ports: ascending ids, each once.
    [[nodiscard]] std::vector<std::uint32_t> holders(PortRange ports) const;
    [[nodiscard]] bool empty() const { return segments_.empty(); }
    [[nodiscard]] const Segments& segments() const { return segments_; }

  private:
    /// The first segment that ends at `port` or later.
    [[nodiscard]] Segments::const_iterator first_touching(std::uint16_t port) const;
    /// Makes `port` the first of its segment, if it is inside one.
    void split_before(std::uint16_t port);

    Segments segments_;
};

}  // namespace xdemux
