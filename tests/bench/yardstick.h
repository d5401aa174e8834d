// SPDX-License-Identifier: BSD-2-Clause
// The programs of yardstick.bpf.c, loaded: what the least of a step costs on this machine. It times nothing.
#pragma once

#include <cstdint>
#include <span>

#include <linux/bpf.h>

#include <xdemux/contract.h>

struct yardstick;

namespace xdemux::bench {

class Subject;

enum class Yardstick {
    none,         ///< the program under test
    least_demux,  ///< a port of IPv4 read unchecked, an array, three counters; `action`
    of_kinds,     ///< the same of IPv6 and behind a VLAN tag too; `action`
    tcp_lookup,   ///< the kernel asked for a TCP socket alone; drops where there is none
    hash_flows,   ///< the kernel's hash map as a flow table: a look-up and three counters; `action`
    least_flows,  ///< the program's flow table, of IPv4: the least of a hit and of a miss, and three counters; `action`
    one_line,     ///< a random line of the flow table of IPv4 read, and no more; passes
    two_lines,    ///< and an entry of it added to, chosen by what was read; passes
    in_turn,      ///< the same, but not before the last packet's entry has come; passes
    established,  ///< the kernel asked for a connection of the crowd, at random; passes
    route_lookup,  ///< the kernel asked for a route alone; drops what is this host's
};

class Yardsticks {
  public:
    /// `capacity` of hash_flows' map; the flow table of `subject`, whose memory is read; `crowd_each` as
    /// Crowd::each(); `action`, of XDP, of those that look a packet up. Throws std::runtime_error when the kernel
    /// refuses.
    Yardsticks(std::uint32_t capacity, const Subject& subject, std::uint32_t crowd_each, xdp_action action = XDP_PASS);
    ~Yardsticks();
    Yardsticks(const Yardsticks&) = delete;
    Yardsticks& operator=(const Yardsticks&) = delete;

    /// The program's descriptor; of none, -1.
    [[nodiscard]] int fd(Yardstick which) const;
    /// Puts flows into hash_flows' map.
    void add_flows(std::span<const contract::flow_key> keys);

  private:
    yardstick* skeleton_;
};

}  // namespace xdemux::bench
