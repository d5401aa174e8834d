// SPDX-License-Identifier: BSD-2-Clause
// Proves the attached program right, or finds where it is not: random packets around the endpoints that exist go
// through the program itself, and its answers are held against the written precedence (policy/decide.h) over what the
// user asked for, and against the kernel's own look-ups. It changes nothing, and no counter of the XDP program moves;
// the kernel's look-ups run the sk_lookup program, which counts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/packet.h>

namespace xdemux {

using VerifyProgress = std::function<void(std::size_t done, std::size_t total)>;

struct VerifyRequest {
    std::uint64_t packets = 100'000;
    std::uint64_t seed = 0;     ///< the same seed over the same endpoints draws the same packets
    VerifyProgress progress{};  ///< called every few hundred packets, by the calling thread
};

struct VerifyCount {
    std::uint64_t packets = 0;
    std::uint64_t agreed = 0;
    std::uint64_t not_compared = 0;  ///< decided by a rule that the model does not have, or sockets changed meanwhile
    std::uint64_t mismatched = 0;
};

/// One way to look at the packets. Each packet is in one class of every group (of "flags", TCP's alone).
struct VerifyClass {
    std::string_view group;  ///< "drawn", "family", "flags", "reason"
    std::string name;
    VerifyCount count;
};

/// What becomes of a packet, as far as it is compared.
struct VerifyOutcome {
    contract::reason reason = contract::REASON_UNDECIDED;
    contract::verdict verdict = contract::VERDICT_PASS;
    contract::verdict action = contract::VERDICT_PASS;
    std::uint32_t listener = 0;  ///< id; 0: none

    friend constexpr bool operator==(const VerifyOutcome&, const VerifyOutcome&) = default;
};

struct VerifyMismatch {
    PacketSpec packet;
    std::string device;  ///< where it came in; empty: none
    VerifyOutcome expected;
    VerifyOutcome got;
};

struct VerifyReport {
    std::uint64_t seed = 0;
    VerifyCount total;
    std::vector<VerifyClass> classes;        ///< by group, then in the order of the draws, flags or reasons
    std::vector<VerifyMismatch> mismatches;  ///< the first max_mismatches of them
    static constexpr std::size_t max_mismatches = 1000;
};

/// A mismatch is asked again, over what the tables and sockets hold by then, before it counts. Errors: `failed`, and
/// those of reading the tables.
Result<VerifyReport> verify(const Instance& instance, const VerifyRequest& request);

}  // namespace xdemux
