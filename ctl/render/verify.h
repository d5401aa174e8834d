// SPDX-License-Identifier: BSD-2-Clause
// What verify found, as text and JSON.
#pragma once

#include <string_view>

#include <xdemux/ops/verify.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// `words` begins the command that repeats a mismatch: "xdemux explain".
///
/// seed, packets, agreed, not_compared, mismatched, classes (group, class, and the same counts), mismatches (proto,
/// source, destination, flags, fragment, dev, expected, got, command).
Json to_json(const VerifyReport& report, std::string_view words);
void print_verify_json(const VerifyReport& report, std::string_view words, const Sink& sink);
/// The first twenty mismatches.
void print_verify_text(const VerifyReport& report, std::string_view words, const Sink& sink);

}  // namespace xdemux
