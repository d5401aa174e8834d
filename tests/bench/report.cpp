// SPDX-License-Identifier: BSD-2-Clause
#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xdemux::bench {
namespace {

constexpr double hundredths = 100;  // finer is noise

double rounded(double value) {
    return std::round(value * hundredths) / hundredths;
}

std::string met_word(const Line& line) {
    const std::optional<bool> met = line.met();
    if (!met) return "-";
    return *met ? "yes" : "no";
}

}  // namespace

std::optional<bool> Line::met() const {
    if (!goal) return std::nullopt;
    return figures.over_baseline <= *goal;
}

std::string render_table(const std::vector<Line>& lines, bool verbose) {
    std::size_t width = 4;
    for (const Line& line : lines)
        width = std::max(width, line.name.size());
    std::string text = fmt::format("{:<{}}  {:>8}  {:>13}  {:>6}  {:>7}  {:>3}", "NAME", width, "NS", "OVER BASELINE",
                                   "RATIO", "GOAL", "MET");
    if (verbose) text += fmt::format("  {:>8}  {:>16}", "BASELINE", "OVER, OF FASTEST");
    text += '\n';
    for (const Line& line : lines) {
        const Figures& figures = line.figures;
        text += fmt::format("{:<{}}  {:>8.1f}  {:>13.1f}  {:>6.1f}  {:>7}  {:>3}", line.name, width, figures.subject,
                            figures.over_baseline, figures.ratio(),
                            line.goal ? fmt::format("<= {:g}", *line.goal) : "-", met_word(line));
        if (verbose) text += fmt::format("  {:>8.1f}  {:>16.1f}", figures.baseline, figures.over_of_minimums);
        text += '\n';
    }
    return text;
}

std::string render_json(const std::vector<Line>& lines) {
    auto benchmarks = nlohmann::ordered_json::array();
    for (const Line& line : lines) {
        nlohmann::ordered_json one;
        one["name"] = line.name;
        one["ns"] = rounded(line.figures.subject);
        one["over_baseline_ns"] = rounded(line.figures.over_baseline);
        one["ratio"] = rounded(line.figures.ratio());
        one["goal"] = line.goal ? nlohmann::ordered_json(*line.goal) : nlohmann::ordered_json();
        one["met"] = line.met() ? nlohmann::ordered_json(*line.met()) : nlohmann::ordered_json();
        benchmarks.push_back(std::move(one));
    }
    nlohmann::ordered_json document;
    document["schema"] = 1;
    document["benchmarks"] = std::move(benchmarks);
    return document.dump(2) + '\n';
}

}  // namespace xdemux::bench
