// SPDX-License-Identifier: BSD-2-Clause
// What should become of a packet, from what the user asked for and the kernel says: the precedence as the documentation
// has it, without a look at the tables that the data path reads. Pure: facts come in, an outcome goes out. Private to
// this box.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include <xdemux/kernel/netlink.h>
#include <xdemux/kernel/oracle.h>
#include <xdemux/ops/verify.h>
#include <xdemux/policy/decide.h>
#include <xdemux/policy/listener_set.h>
#include <xdemux/policy/settings.h>

namespace xdemux {

/// Addresses and prefixes, found by any address in them.
class PrefixSet {
  public:
    void insert(const Prefix& prefix) { by_length_[prefix.length].insert(prefix); }
    [[nodiscard]] bool covers(const Address& address) const;

  private:
    std::map<std::uint8_t, std::set<Prefix>> by_length_;
};

class VerifyModel {
  public:
    VerifyModel(ListenerSet listeners, std::span<const LocalRoute> routes, const Settings& settings);

    /// Of one packet: what else there is to know.
    struct Facts {
        std::uint32_t ifindex = 0;
        bool stacked = false;        ///< devices of this host stand above that one
        std::optional<Target> flow;  ///< of the flow with its 4-tuple
        OracleAnswer kernel;
        /// What the program made of it. Which member of a group a packet falls on is not modelled: there it is taken
        /// for what the member says.
        contract::verdict answered = contract::VERDICT_STEER;
    };
    [[nodiscard]] VerifyOutcome expect(const PacketSpec& packet, const Facts& facts) const;

    [[nodiscard]] const ListenerSet& listeners() const { return listeners_; }

  private:
    struct Match;
    [[nodiscard]] std::optional<Match> match_listener(const PacketSpec& packet, const Facts& facts, bool local) const;
    [[nodiscard]] Match match_nobody(const PacketSpec& packet, const Facts& facts, bool local) const;
    /// Those on the port of the protocol, by id.
    [[nodiscard]] const std::vector<const Listener*>& on_port(Proto proto, std::uint16_t port) const;

    ListenerSet listeners_;
    PrefixSet locals_;  ///< by route or by name
    PrefixSet routed_;
    Settings settings_;
    /// Made as ports are asked for: one thread to a model.
    mutable std::unordered_map<std::uint32_t, std::vector<const Listener*>> by_port_;
};

/// Whether the model has the rule that decided; a packet of another is not compared.
bool is_compared(contract::reason reason);

}  // namespace xdemux
