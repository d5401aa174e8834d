// SPDX-License-Identifier: BSD-2-Clause
// A group's look-up table as a map of its own: filled before anybody sees it, then put into map group_tables, which is
// one store for the data path. It knows neither members nor weights.
#pragma once

#include <cstdint>
#include <span>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>

namespace xdemux {

/// With the members' numbers by place: GROUP_PLACES of them, or none for a group in which nobody takes flows. Errors as
/// bpf(2)'s.
Result<Fd> make_group_table(std::span<const std::uint16_t> numbers);

}  // namespace xdemux
