// SPDX-License-Identifier: BSD-2-Clause
// Where a packet is going to or coming from: a listener's local endpoint (exact, prefix or wildcard, with a port, a
// range or all ports), and the plain address and port of a flow's ends. Values and their grammar; no protocol, no
// device.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>
#include <xdemux/policy/address.h>
#include <xdemux/policy/proto.h>

namespace xdemux {

/// One port, several in a row, or all of them (`*`). All ports is no range from 1 to 65535: it is asked at a later
/// step of the precedence, so the two never overlap. It is stored as port 0, which no packet and no listener may name.
struct PortRange {
    std::uint16_t first = 0;  ///< host order; 0 = all ports
    std::uint16_t last = 0;   ///< inclusive

    static constexpr PortRange all() { return {0, 0}; }
    static constexpr PortRange one(std::uint16_t port) { return {port, port}; }
    /// "80", "https", "8000-8999", "*"; a service name may have a dash in it. ErrorKind::usage.
    static Result<PortRange> parse(std::string_view text, Proto proto);

    [[nodiscard]] constexpr bool is_all() const { return first == 0; }
    [[nodiscard]] constexpr bool is_single() const { return first != 0 && first == last; }
    /// Whether a packet to `port` (1 to 65535) is one for it.
    [[nodiscard]] constexpr bool covers(std::uint16_t port) const {
        return port != 0 && (is_all() || (first <= port && port <= last));
    }
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const PortRange&, const PortRange&) = default;
};

enum class LocalForm : std::uint8_t { exact, prefix, wildcard };

/// A listener's local side. A wildcard has the prefix 0.0.0.0/0 or ::/0; the IPv6 wildcard is dual-stack unless the
/// listener that owns it is v6only (see Listener::scope), as with the kernel's sockets.
struct LocalEndpoint {
    LocalForm form = LocalForm::wildcard;
    Prefix prefix;  ///< of an exact address: its whole length
    PortRange ports;

    /// `192.0.2.1:https`, `[2001:db8::1]:443`, `203.0.113.0/24:443`, `[2001:db8::/64]:443`, `0.0.0.0:80`, `[::]:80`,
    /// `*:80` (the same as `[::]:80`), `192.0.2.1:8000-8999`, `192.0.2.1:*`. A /32 or /128 becomes the address.
    /// ErrorKind::usage.
    static Result<LocalEndpoint> parse(std::string_view text, Proto proto);

    [[nodiscard]] Family family() const { return prefix.address.family(); }
    [[nodiscard]] const Address& address() const { return prefix.address; }
    /// The address part as JSON has it: "192.0.2.1", "203.0.113.0/24", "0.0.0.0", "::".
    [[nodiscard]] std::string address_text() const;
    /// In the grammar of parse().
    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const LocalEndpoint&, const LocalEndpoint&) = default;
};

/// An address and a port: an end of a flow or of a packet.
struct SocketAddress {
    Address address;
    std::uint16_t port = 0;  ///< host order

    /// `192.0.2.1:443`, `[2001:db8::1]:https`: one address, one port. ErrorKind::usage.
    static Result<SocketAddress> parse(std::string_view text, Proto proto);

    [[nodiscard]] std::string to_string() const;

    friend constexpr auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
};

}  // namespace xdemux
