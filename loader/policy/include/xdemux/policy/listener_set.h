// SPDX-License-Identifier: BSD-2-Clause
// The listeners of an instance as a value: which may stand beside each other, who holds which endpoint, which id is
// whose. It changes nothing but itself: what the data path sees of it is listener_tables.h.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/listener.h>
#include <xdemux/policy/port_intervals.h>

namespace xdemux {

/// Names a listener as the control tool's `listener del` does. An empty name matches any.
struct ListenerSelector {
    Proto proto = Proto::tcp;
    LocalEndpoint local;
    std::optional<Device> device;
    bool v6only = false;
    std::string name;

    static ListenerSelector of(const Listener& listener);
    [[nodiscard]] bool matches(const Listener& listener) const;
    /// One that it would match: what decides its place and scope.
    [[nodiscard]] Listener as_listener() const;
    [[nodiscard]] std::string describe() const;
};

/// One sub-step of the precedence: listeners conflict exactly when they are at the same place and share a port.
struct ListenerPlace {
    Proto proto = Proto::tcp;
    LocalForm form = LocalForm::wildcard;
    Scope scope = Scope::ipv4;
    Prefix prefix;
    std::uint32_t ifindex = 0;  ///< 0 = unbound

    static ListenerPlace of(const Listener& listener);

    friend constexpr auto operator<=>(const ListenerPlace&, const ListenerPlace&) = default;
};

class ListenerSet {
  public:
    using Listeners = std::map<std::uint32_t, Listener>;
    using Places = std::map<ListenerPlace, PortIntervals>;

    /// Adds one and returns its id, the smallest free one. ErrorKind::usage (invalid by itself), in_use (conflict).
    Result<std::uint32_t> add(Listener listener);
    /// Adds one under the id that it carries, as it was read back from the tables. Errors as add(), and in_use where
    /// the id is taken; ErrorKind::failed where it is 0.
    Status restore(Listener listener);
    /// As add(), but the listener of the same endpoint, device, scope (and name, in a reuseport group) gives way, and
    /// leaves its id to the new one. Another member of a group gives nothing way: the new one joins.
    Result<std::uint32_t> replace(Listener listener);
    /// Takes one out and returns it. ErrorKind::not_found; usage where several match: then a name has to tell them
    /// apart.
    Result<Listener> remove(const ListenerSelector& selector);
    /// The one that remove() would take out. Errors as there.
    [[nodiscard]] Result<Listener> find(const ListenerSelector& selector) const;
    /// nullptr where there is none; valid until the set changes.
    [[nodiscard]] const Listener* find(std::uint32_t id) const;

    [[nodiscard]] std::size_t size() const { return listeners_.size(); }
    [[nodiscard]] bool empty() const { return listeners_.empty(); }
    /// By id.
    [[nodiscard]] const Listeners& listeners() const { return listeners_; }
    /// By place: the index behind the conflict rules.
    [[nodiscard]] const Places& places() const { return places_; }

  private:
    /// Whether `listener` may stand beside all but the one with the id `except` (0 = beside all).
    [[nodiscard]] Status check_conflicts(const Listener& listener, std::uint32_t except) const;
    /// The listeners with exactly this endpoint, device and scope, by id.
    [[nodiscard]] std::vector<const Listener*> same_identity(const ListenerSelector& selector) const;
    [[nodiscard]] std::uint32_t replaced_by(const Listener& listener) const;
    [[nodiscard]] Error not_found(const ListenerSelector& selector) const;
    /// The listener's id must be free.
    void insert(Listener listener);
    void erase(std::uint32_t id);

    Listeners listeners_;
    Places places_;
    std::map<std::uint32_t, std::uint32_t> free_ids_{{1, UINT32_MAX}};  ///< disjoint intervals: first to last
};

}  // namespace xdemux
