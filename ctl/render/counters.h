// SPDX-License-Identifier: BSD-2-Clause
// Port counters and reasons as text and JSON, and which of the port counters are wanted.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <xdemux/ops/snapshot.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

/// Which rows of the port counters are shown; by default those that are not zero.
struct CounterSelection {
    bool named = false;                ///< those at zero too whose port has a service name
    std::optional<std::size_t> top{};  ///< the so many with the most packets, in that order
    std::optional<Proto> proto{};
    std::optional<PortRange> tcp_ports{PortRange::all()};  ///< none: no TCP row
    std::optional<PortRange> udp_ports{PortRange::all()};
};
std::vector<CounterRow> select_counters(std::vector<CounterRow> rows, const CounterSelection& selection,
                                        const PortNames& names);

/// proto, port, service, packets, bytes, dropped_packets, dropped_bytes.
Json to_json(const CounterRow& row, const PortNames& names);
void print_counters_json(std::span<const CounterRow> rows, const PortNames& names, const Sink& sink);
void print_counters_text(std::span<const CounterRow> rows, const PortNames& names, const Sink& sink);

/// reason, verdict, packets, bytes, monitored_packets.
Json to_json(const ReasonRow& row);
void print_reasons_json(std::span<const ReasonRow> rows, const Sink& sink);
void print_reasons_text(std::span<const ReasonRow> rows, const Sink& sink);

}  // namespace xdemux
