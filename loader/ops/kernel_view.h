// SPDX-License-Identifier: BSD-2-Clause
// The kernel's side of an explanation, and who would have got the packet next. Private to this box.
#pragma once

#include <cstdint>

#include <xdemux/base/error.h>
#include <xdemux/ops/explain.h>

namespace xdemux {

/// Fills `kernel` and `runner_up` of an explanation of the packet, whose local end is its destination.
Status add_kernel_view(const Instance& instance, const FlowKey& packet, std::uint32_t ifindex,
                       Explanation& explanation);

}  // namespace xdemux
