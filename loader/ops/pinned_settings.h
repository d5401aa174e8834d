// SPDX-License-Identifier: BSD-2-Clause
// The settings of an instance as they are pinned, of whatever contract version: who reads them says which versions will
// do. It changes nothing.
#pragma once

#include <cstdint>
#include <string>

#include <xdemux/base/error.h>
#include <xdemux/contract.h>
#include <xdemux/kernel/pins.h>

namespace xdemux {

/// Whether tables with that number in their settings may be worked on.
using VersionCheck = Status (*)(const std::string& instance, std::uint32_t number);

/// Ours alone. ErrorKind::failed says what to do about another one.
Status check_contract(const std::string& instance, std::uint32_t number);
/// Those too that upgrade() makes ours, and what it left half way: their settings can be read.
Status check_upgrade(const std::string& instance, std::uint32_t number);

/// Errors: those of `check`; `failed` where they are of another size than ours; `not_loaded`.
Result<contract::settings> read_settings(const PinDirectory& pins, VersionCheck check);

}  // namespace xdemux
