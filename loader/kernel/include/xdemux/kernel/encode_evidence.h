// SPDX-License-Identifier: BSD-2-Clause
// Blocked sources and evidence of scans, between the policy's values and the contract's layouts. Pure.
#pragma once

#include <optional>

#include <xdemux/contract.h>
#include <xdemux/policy/address.h>
#include <xdemux/policy/scan.h>

namespace xdemux {

contract::block_source encode_source(const Address& source);
Address decode(const contract::block_source& source);

/// None: the slot is free.
std::optional<ScanSlot> decode(const contract::scanner& slot);

}  // namespace xdemux
