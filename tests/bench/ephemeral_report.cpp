// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ephemeral.h"

namespace xdemux::bench {
namespace {

/// Rates as the range fills: the first part of the line that reaches so far.
double rate_at(const ConnectLine& line, double percent) {
    const auto found = std::ranges::find_if(line.points, [&](const auto& point) { return point.first >= percent; });
    return found == line.points.end() ? 0 : found->second;
}

std::vector<EphemeralRow> with_connects(std::vector<EphemeralRow> rows, const std::vector<ConnectLine>& lines) {
    for (const ConnectLine& line : lines) {
        for (const double percent : {5.0, 45.0, 55.0, 95.0, 100.0})
            rows.push_back({fmt::format("connections, {}, {:g} % of the range taken", line.name, percent),
                            rate_at(line, percent), "per second"});
    }
    return rows;
}

std::string met_word(const EphemeralRow& row) {
    const auto met = row.met();
    if (!met) return "-";
    return *met ? "yes" : "no";
}

}  // namespace

std::string render_ephemeral(const std::vector<EphemeralRow>& rows, const std::vector<ConnectLine>& lines) {
    const auto all = with_connects(rows, lines);
    std::size_t width = 4;
    for (const EphemeralRow& row : all)
        width = std::max(width, row.name.size());
    std::string text =
        fmt::format("{:<{}}  {:>9}  {:<10}  {:>7}  {:>3}\n", "NAME", width, "VALUE", "UNIT", "GOAL", "MET");
    for (const EphemeralRow& row : all)
        text += fmt::format("{:<{}}  {:>9.1f}  {:<10}  {:>7}  {:>3}\n", row.name, width, row.value, row.unit,
                            row.goal ? fmt::format("<= {:g}", *row.goal) : "-", met_word(row));
    return text;
}

std::string render_ephemeral_json(const std::vector<EphemeralRow>& rows, const std::vector<ConnectLine>& lines) {
    auto benchmarks = nlohmann::ordered_json::array();
    for (const EphemeralRow& row : with_connects(rows, lines)) {
        nlohmann::ordered_json one;
        one["name"] = row.name;
        one["ns"] = row.unit == "ns" ? nlohmann::ordered_json(row.value) : nlohmann::ordered_json();
        one["value"] = row.value;
        one["unit"] = row.unit;
        one["goal"] = row.goal ? nlohmann::ordered_json(*row.goal) : nlohmann::ordered_json();
        one["met"] = row.met() ? nlohmann::ordered_json(*row.met()) : nlohmann::ordered_json();
        benchmarks.push_back(std::move(one));
    }
    nlohmann::ordered_json document;
    document["schema"] = 1;
    document["benchmarks"] = std::move(benchmarks);
    return document.dump(2) + '\n';
}

}  // namespace xdemux::bench
