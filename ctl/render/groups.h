// SPDX-License-Identifier: BSD-2-Clause
// Groups, and what a change of one would move, as text and JSON. A share is a part of one, of all the group's flows.
#pragma once

#include <span>
#include <string_view>

#include <xdemux/ops/groups.h>

#include "render/json.h"
#include "render/sink.h"

namespace xdemux {

/// name (null: of listeners that share an endpoint), fallback, sticky, fallback_packets, unkept_packets, users,
/// members: target, weight, share, flows (null: not sticky), packets and bytes (null: pass, drop or reject).
Json to_json(const GroupRow& row);
void print_groups_json(std::span<const GroupRow> rows, const Sink& sink);
/// A line for each member.
void print_groups_text(std::span<const GroupRow> rows, const Sink& sink);

/// group, moved_share, least_share (what the shares themselves differ by), members: target, weight_before and
/// weight_after (null: no member), share_before, share_after.
void print_forecast_json(std::string_view group, const GroupForecast& forecast, const Sink& sink);
void print_forecast_text(const GroupForecast& forecast, const Sink& sink);

}  // namespace xdemux
