// SPDX-License-Identifier: BSD-2-Clause
// The whole examination: what this kernel, these interfaces and this host allow. It needs neither an instance nor
// privileges (their lack is a finding), and changes nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/findings.h>

namespace xdemux {

/// Of the device named; else of those to which the instance is attached; else of all that are up and have an address.
/// In the order of the groups. Errors: `not_found` (device), `failed`.
Result<std::vector<Finding>> diagnose(std::string_view instance, const std::optional<std::string>& device);

}  // namespace xdemux
