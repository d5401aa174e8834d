// SPDX-License-Identifier: BSD-2-Clause
// The findings of `doctor`, as text and as JSON.
#pragma once

#include <span>

#include <xdemux/ops/findings.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

Json to_json(const Finding& finding);
void print_findings_json(std::span<const Finding> findings, const Sink& sink);
/// By group, each finding with why it matters and the command that mends it on lines of their own.
void print_findings_text(std::span<const Finding> findings, const Sink& sink);

}  // namespace xdemux
