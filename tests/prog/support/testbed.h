// SPDX-License-Identifier: BSD-2-Clause
// The network namespace that the test process has to itself: a veth pair with addresses, sysctls, and frames put on
// the wire. It holds no expectation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/waiting.h"
#include "support/packet_builder.h"

namespace xdemux::test {

inline constexpr std::string_view host_ipv4 = "192.0.2.1";         // of xd0, /24
inline constexpr std::string_view host_ipv6 = "2001:db8::1";       // of xd0, /64
inline constexpr std::string_view peer_ipv4 = "192.0.2.99";        // on the link, nobody's
inline constexpr std::string_view peer_ipv6 = "2001:db8::99";      // on the link, nobody's
inline constexpr std::string_view beyond_ipv4 = "203.0.113.5";     // routed through xd0 to another host
inline constexpr std::string_view beyond_ipv6 = "2001:db8:bb::5";  // routed through xd0 to another host

/// One for the process; main() makes it, in a namespace of its own. Throws std::runtime_error where the system refuses.
class Testbed {
  public:
    static Testbed& get();
    /// Moves the calling process into a new network namespace, pins it to one CPU (the program's limiter and its memory
    /// of which interface forwards are per CPU) and brings up `xd0` - `xd1`.
    static void set_up();
    static void tear_down();

    [[nodiscard]] std::uint32_t ifindex() const { return ifindex_; }              // xd0
    [[nodiscard]] std::uint32_t other_ifindex() const { return other_ifindex_; }  // xd1
    [[nodiscard]] std::size_t cpu() const { return cpu_; }

    /// Switches forwarding of both families on xd0, and waits until the program must notice it.
    void set_forwarding(bool on);
    /// Sends a frame from xd1, so that the kernel receives it on xd0; its Ethernet destination becomes xd0's own.
    void send(const Packet& packet) const;

  private:
    std::uint32_t ifindex_ = 0;
    std::uint32_t other_ifindex_ = 0;
    std::size_t cpu_ = 0;
};

/// Waits until the coarse clock has moved on: what the program remembers for one jiffy is then forgotten.
void wait_for_next_jiffy();
/// CLOCK_MONOTONIC_COARSE.
std::uint64_t coarse_now_ns();

}  // namespace xdemux::test
