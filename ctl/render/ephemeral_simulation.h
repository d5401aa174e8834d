// SPDX-License-Identifier: BSD-2-Clause
// What a simulation of ephemeral ports came to: text, JSON, and a plot of the ports over time.
#pragma once

#include <xdemux/policy/ephemeral_simulation.h>

#include "render/json.h"
#include "render/plot.h"
#include "render/sink.h"

namespace xdemux {

/// The request's numbers, then the result's; samples last.
Json to_json(const SimulationRequest& request, const SimulationResult& result);
void print_simulation_json(const SimulationRequest& request, const SimulationResult& result, const Sink& sink);
void print_simulation_text(const SimulationRequest& request, const SimulationResult& result, const Sink& sink);
Plot plot_of(const SimulationRequest& request, const SimulationResult& result);

}  // namespace xdemux
