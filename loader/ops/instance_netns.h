// SPDX-License-Identifier: BSD-2-Clause
// An instance belongs to the network namespace in which it was made: who may use it, and who may end it.
#pragma once

#include <string>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/pins.h>

namespace xdemux {

/// ErrorKind::in_use, naming the namespace as far as it may be found, where it is not the calling thread's.
Status check_netns(const std::string& instance, const contract::settings& settings);

/// Whether this namespace may end it: its own, or one of which nothing is left. `settings`: the instance's, where they
/// may be read. Errors as check_netns().
Status check_unload(const PinDirectory& pins, const Result<contract::settings>& settings);

/// Ends the leases of an instance that goes, in the namespace where it was: they keep ports from the kernel there, and
/// not here. `going`: what is hidden of it.
Status end_leases_of(const std::string& instance, const PinDirectory& going);

}  // namespace xdemux
