// SPDX-License-Identifier: BSD-2-Clause
// Line plots as PNG and SVG, by cairo. It knows nothing of what the lines mean, and neither files nor terminals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <xdemux/base/error.h>

#include "render/sink.h"

namespace xdemux {

struct PlotLine {
    std::string name;
    std::vector<std::pair<double, double>> points;  ///< x, y; in the order of x
};

/// A pair of axes. Both begin at 0.
struct PlotPanel {
    std::string title;
    std::string y_label;
    std::vector<PlotLine> lines;
    std::optional<std::pair<double, std::string>> limit{};  ///< a dashed line across, with its name
};

/// Panels one below the other over the same x.
struct Plot {
    std::string title;
    std::string x_label;
    std::vector<PlotPanel> panels;
};

enum class PlotFormat : std::uint8_t { png, svg };
/// By the end of a file's name. ErrorKind::usage.
Result<PlotFormat> plot_format(std::string_view file);

/// ErrorKind::failed where cairo cannot draw it.
Status draw_plot(const Plot& plot, PlotFormat format, const Sink& sink);

}  // namespace xdemux
