// SPDX-License-Identifier: BSD-2-Clause
// Where rendered text goes. A renderer knows neither files nor terminals.
#pragma once

#include <functional>
#include <string_view>

namespace xdemux {

/// Takes the text piece by piece, in order.
using Sink = std::function<void(std::string_view text)>;

}  // namespace xdemux
