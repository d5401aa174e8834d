// SPDX-License-Identifier: BSD-2-Clause
// What the calling thread may do, asked before the first change, so that the answer names the capability and not an
// EPERM from half-way. It asks; it never raises or drops anything.
#pragma once

#include <xdemux/base/error.h>

namespace xdemux {

/// Whether the calling thread has it in its effective set; `capability` is a number of <linux/capability.h>.
bool has_capability(int capability);

/// What every command that touches an instance needs: CAP_BPF (CAP_SYS_ADMIN includes it) to load and open programs
/// and tables, CAP_NET_ADMIN to attach them. Error: `not_permitted`, naming each one that is missing.
Status require_capabilities();

}  // namespace xdemux
