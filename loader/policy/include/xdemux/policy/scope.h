// SPDX-License-Identifier: BSD-2-Clause
// Which families' packets a listener or a socket hears: the rule of dual-stack, in one place.
#pragma once

#include <cstdint>

#include <xdemux/policy/address.h>

namespace xdemux {

/// Only a wildcard can be `dual`.
enum class Scope : std::uint8_t { ipv4, ipv6, dual };

/// Of what is bound to an address of that family: the IPv6 wildcard hears IPv4 too, unless it is v6only (ipv6(7)).
constexpr Scope scope_of(Family family, bool wildcard, bool v6only) {
    if (family == Family::ipv4) return Scope::ipv4;
    return wildcard && !v6only ? Scope::dual : Scope::ipv6;
}

constexpr bool hears(Scope scope, Family family) {
    return scope == Scope::dual || (scope == Scope::ipv4) == (family == Family::ipv4);
}

}  // namespace xdemux
