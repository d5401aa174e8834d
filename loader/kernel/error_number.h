// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace xdemux {

/// The kernel's ENOTSUPP (include/linux/errno.h), which libc does not know.
constexpr int error_not_supported = 524;

}  // namespace xdemux
