// SPDX-License-Identifier: BSD-2-Clause
// The epoch of listeners and local routes (struct local_hot of the contract), by which programs know that what they
// remember is over. Private to this box.
#pragma once

#include <functional>

#include <xdemux/base/error.h>
#include <xdemux/ops/tables.h>

namespace xdemux {

/// Does `write`, which changes listeners or local routes in the maps: programs look everything up meanwhile, and what
/// they remembered before is over when it returns, failed or not. A change that a killed writer began is ended too.
Status change_epoch(const Tables& tables, const std::function<Status()>& write);

/// Ends the change of a killed writer; nothing where there is none. What he changed must be whole again.
Status end_change(const Tables& tables);

}  // namespace xdemux
