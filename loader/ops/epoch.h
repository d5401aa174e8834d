// SPDX-License-Identifier: BSD-2-Clause
// The epoch of listeners and local routes (struct local_hot of the contract), by which programs know that what they
// remember is over. Private to this box.
#pragma once

#include <xdemux/base/error.h>
#include <xdemux/ops/tables.h>

namespace xdemux {

/// Until end_change(), programs remember nothing and look everything up. To be called before the first write to what
/// the epoch is of; no harm where a killed writer was in the midst of a change.
Status begin_change(const Tables& tables);

/// What was looked up before counts no more. After the last write; it does nothing where no change was begun.
Status end_change(const Tables& tables);

}  // namespace xdemux
