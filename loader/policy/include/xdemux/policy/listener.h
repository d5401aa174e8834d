// SPDX-License-Identifier: BSD-2-Clause
// One listener: a local endpoint and where its packets go. What is right or wrong about one alone is decided here,
// what two of them mean for each other in listener_set.h.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/guard.h>
#include <xdemux/policy/proto.h>
#include <xdemux/policy/scope.h>
#include <xdemux/policy/target.h>

namespace xdemux {

/// A network interface as it was when it was named. Identity is the index: a rename follows.
struct Device {
    std::uint32_t ifindex = 0;
    std::string name;

    friend bool operator==(const Device& a, const Device& b) { return a.ifindex == b.ifindex; }
};

struct Listener {
    std::uint32_t id = 0;  ///< 1 and up, handed out by the ListenerSet; 0 before that
    Proto proto = Proto::tcp;
    LocalEndpoint local;
    std::optional<Device> device;
    bool v6only = false;
    bool reuseport = false;
    std::string name;  ///< empty, or up to max_name bytes of [A-Za-z0-9._-]
    Target target;
    Guard guard;  ///< who may reach it; of no meaning for conflicts

    static constexpr std::size_t max_name = 15;

    /// What is wrong with it alone: its name, v6only on an IPv4 endpoint, or sources of the other family alone.
    /// ErrorKind::usage.
    [[nodiscard]] Status validate() const;
    [[nodiscard]] Scope scope() const;
    /// The device it is bound to; 0 = unbound.
    [[nodiscard]] std::uint32_t ifindex() const { return device ? device->ifindex : 0; }
    /// As in the messages: `tcp [::]:80 --dev eth0 --v6only`.
    [[nodiscard]] std::string describe() const;

    friend bool operator==(const Listener&, const Listener&) = default;

  private:
    [[nodiscard]] bool may_be_reached() const;
};

/// ErrorKind::usage where a name is too long or has a character outside [A-Za-z0-9._-].
Status check_listener_name(std::string_view name);

}  // namespace xdemux
