// SPDX-License-Identifier: BSD-2-Clause
// Compares what the kernel's look-up found for a packet with what the program found in the mirror of the same sockets.
// Where the order of binding decides in the kernel, the written precedence differs by design; those classes are named
// here, and nowhere else may the two differ. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "scene.h"

namespace xdemux::oracle {

/// What a packet belongs to, as far as both sides can tell.
struct Found {
    enum class What : std::uint8_t { nobody, connection, waiting };
    What what = What::nobody;
    SocketAddress local{};    ///< of what waits: as it is bound
    Port device = Port::any;  ///< of what waits

    [[nodiscard]] std::string describe() const;
    friend bool operator==(const Found&, const Found&) = default;
};

enum class Outcome : std::uint8_t {
    agreed,
    by_design,  ///< they differ in a class that is named
    mismatch,
};

struct Judgement {
    Outcome outcome = Outcome::agreed;
    std::string_view design;  ///< the class where the two may differ; empty: they may not
};

/// `program`: of the mirror.
Judgement judge(std::span<const SocketSpec> sockets, const Packet& packet, const Found& kernel, const Found& program);

/// All that there are, in no order: the names of Judgement::design.
std::span<const std::string_view> design_classes();

/// "udp IPv4, exact address", "tcp IPv6, nobody": what the kernel found.
std::string kind_of(const Packet& packet, const Found& kernel);

}  // namespace xdemux::oracle
