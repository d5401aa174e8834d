// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstdint>

namespace xdemux {

constexpr std::int64_t ns_per_second = 1'000'000'000;

}  // namespace xdemux
