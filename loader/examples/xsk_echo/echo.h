// SPDX-License-Identifier: BSD-2-Clause
// A UDP datagram turned into its echo, in the frame that it came in. It checks what the kernel would have checked, had
// it seen the frame; it sends nothing.
#pragma once

#include <cstdint>
#include <span>

/// Turns the frame round and cuts it to what is to be sent. False where there is nothing to answer, and the frame is
/// then as it was: no UDP over IPv4 or IPv6 without VLAN tag, a fragment, extension headers, a wrong checksum, or a
/// sender on the port that it sent to, who may be an echo server too.
bool turn_round(std::span<std::uint8_t>& frame);
