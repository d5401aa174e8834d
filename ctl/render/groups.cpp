// SPDX-License-Identifier: BSD-2-Clause
#include "render/groups.h"

#include <cmath>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "render/text_table.h"

namespace xdemux {
namespace {

/// In JSON: six digits tell one place of the table.
double share_of(std::uint32_t places) {
    constexpr double digits = 1e6;
    return std::round(digits * places / maglev_places) / digits;
}

std::string percent(std::uint32_t places) {
    return fmt::format("{:.2f} %", 100.0 * places / maglev_places);
}

/// What no table of these shares could do without.
std::uint32_t least_moved(const GroupForecast& forecast) {
    std::uint32_t given_up = 0;
    for (const GroupShift& shift : forecast.shifts)
        given_up += shift.places_before > shift.places_after ? shift.places_before - shift.places_after : 0;
    return given_up;
}

template <typename Number>
std::string text_of(const std::optional<Number>& number) {
    return number ? fmt::to_string(*number) : "-";
}

template <typename Number>
Json or_null(const std::optional<Number>& number) {
    return number ? Json(*number) : Json(nullptr);
}

Json to_json(const GroupMemberRow& member) {
    return {{"target", member.target.to_string()},
            {"weight", member.weight},
            {"share", share_of(member.places)},
            {"flows", or_null(member.flows)},
            {"packets", member.count ? Json(member.count->packets) : Json(nullptr)},
            {"bytes", member.count ? Json(member.count->bytes) : Json(nullptr)}};
}

Json to_json(const GroupShift& shift) {
    return {{"target", shift.target.to_string()},
            {"weight_before", or_null(shift.weight_before)},
            {"weight_after", or_null(shift.weight_after)},
            {"share_before", share_of(shift.places_before)},
            {"share_after", share_of(shift.places_after)}};
}

}  // namespace

Json to_json(const GroupRow& row) {
    Json members = Json::array();
    for (const GroupMemberRow& member : row.members)
        members.push_back(to_json(member));
    return {{"name", text_or_null(row.name)},
            {"fallback", target_kind_name(row.fallback)},
            {"sticky", row.sticky},
            {"fallback_packets", row.fallback_packets},
            {"unkept_packets", row.unkept_packets},
            {"users", row.users},
            {"members", std::move(members)}};
}

void print_groups_json(std::span<const GroupRow> rows, const Sink& sink) {
    JsonList list("groups", sink);
    for (const GroupRow& row : rows)
        list.add(to_json(row));
    list.end();
}

void print_groups_text(std::span<const GroupRow> rows, const Sink& sink) {
    TextTable table{{"Group"},
                    {"Options"},
                    {"Member"},
                    {"Weight", Align::right},
                    {"Share", Align::right},
                    {"Flows", Align::right},
                    {"Packets", Align::right},
                    {"Bytes", Align::right},
                    {"Users"}};
    for (const GroupRow& row : rows) {
        const std::string name = row.name.empty() ? "-" : row.name;
        const std::string users = row.users.empty() ? "-" : fmt::format("{}", fmt::join(row.users, ", "));
        const std::string options =
            fmt::format("fallback={}{}", target_kind_name(row.fallback), row.sticky ? ",sticky" : "");
        if (row.members.empty()) table.add({name, options, "-", "-", "-", "-", "-", "-", users});
        for (const GroupMemberRow& member : row.members)
            table.add({name, options, member.target.to_string(), fmt::to_string(member.weight), percent(member.places),
                       text_of(member.flows), member.count ? fmt::to_string(member.count->packets) : "-",
                       member.count ? fmt::to_string(member.count->bytes) : "-", users});
    }
    table.print(sink);
}

void print_forecast_json(std::string_view group, const GroupForecast& forecast, const Sink& sink) {
    Json members = Json::array();
    for (const GroupShift& shift : forecast.shifts)
        members.push_back(to_json(shift));
    print_json("simulation",
               {{"group", group},
                {"moved_share", share_of(forecast.moved)},
                {"least_share", share_of(least_moved(forecast))},
                {"members", std::move(members)}},
               sink);
}

void print_forecast_text(const GroupForecast& forecast, const Sink& sink) {
    TextTable table{{"Member"},
                    {"Weight", Align::right},
                    {"Share", Align::right},
                    {"New-Weight", Align::right},
                    {"New-Share", Align::right}};
    for (const GroupShift& shift : forecast.shifts)
        table.add({shift.target.to_string(), text_of(shift.weight_before), percent(shift.places_before),
                   text_of(shift.weight_after), percent(shift.places_after)});
    table.print(sink);
    sink(fmt::format("Moved: {} of the flows; the shares alone differ by {}\n", percent(forecast.moved),
                     percent(least_moved(forecast))));
}

}  // namespace xdemux
