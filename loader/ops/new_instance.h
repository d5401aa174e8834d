// SPDX-License-Identifier: BSD-2-Clause
// What a new instance begins with.
#pragma once

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/object.h>
#include <xdemux/ops/instance.h>

namespace xdemux {

/// With random keys, for the network namespace of the calling thread. ErrorKind::usage where so many flows are not
/// possible.
Result<contract::settings> new_settings(const InstanceOptions& options);

/// ErrorKind::usage where so many listeners are not possible.
Result<TableSizes> table_sizes(const InstanceOptions& options, const contract::settings& settings);

}  // namespace xdemux
