// SPDX-License-Identifier: BSD-2-Clause
#include "render/ephemeral_simulation.h"

#include <string>

#include <fmt/format.h>

#include <xdemux/policy/ephemeral_range.h>

namespace xdemux {
namespace {

constexpr double guessable = 10;  // bits: a thousand tries

Json or_null(const std::optional<double>& value) {
    return value ? Json(*value) : Json(nullptr);
}

std::string algorithm_text(PortAlgorithm algorithm) {
    const PortAlgorithmInfo& info = info_of(algorithm);
    const std::string where = info.number == 0 ? "" : fmt::format(", RFC 6056 algorithm {}", info.number);
    return fmt::format("{} ({}{}){}", info.name, info.title, where, info.safe ? "" : ": unsafe");
}

std::string load_text(const SimulationRequest& request) {
    return fmt::format(
        "{:g} connections per second to {} destination{}, each held {:g} s and {:g} s in TIME_WAIT, for "
        "{:g} s",
        request.rate, request.destinations, request.destinations == 1 ? "" : "s", request.held, request.time_wait,
        request.duration);
}

std::string sustainable_text(const SimulationRequest& request) {
    const double held = request.held + request.time_wait;
    return fmt::format("{} ports / ({:g} s + {:g} s) = {:.1f} connections per second to one destination",
                       request.ports.size(), request.held, request.time_wait,
                       held > 0 ? static_cast<double>(request.ports.size()) / held : 0);
}

std::string guess_text(double bits, double most) {
    return fmt::format("{:.1f} of {:.1f} bits{}", bits, most, bits < guessable ? ": it can be guessed" : "");
}

std::vector<std::pair<double, double>> line_of(const SimulationResult& result,
                                               double (*value)(const SimulationSample& sample)) {
    std::vector<std::pair<double, double>> points{{0, 0}};
    for (const SimulationSample& sample : result.samples)
        points.emplace_back(sample.at, value(sample));
    return points;
}

Json result_json(const SimulationResult& result) {
    const TryStatistics& tries = result.tries;
    const Predictability& guess = result.predictability;
    Json samples = Json::array();
    for (const SimulationSample& sample : result.samples)
        samples.push_back(
            {{"at", sample.at}, {"in_use", sample.in_use}, {"time_wait", sample.time_wait}, {"failed", sample.failed}});
    return Json{
        {"offered", result.offered},
        {"opened", result.opened},
        {"failed", result.failed},
        {"failed_with_ports_free", result.failed_early},
        {"exhausted_after_seconds", or_null(result.exhausted_after)},
        {"collisions", result.collisions},
        {"tries",
         {{"mean", tries.mean},
          {"median", tries.median},
          {"percentile_99", tries.percentile_99},
          {"most", tries.most}}},
        {"most_taken", result.most_taken},
        {"soonest_reuse_seconds", or_null(result.soonest_reuse)},
        {"ports_wanted", result.wanted},
        {"guess_bits", {{"most", guess.most}, {"from_own", guess.from_own}, {"from_former", guess.from_former}}},
        {"samples", std::move(samples)}};
}

}  // namespace

Json to_json(const SimulationRequest& request, const SimulationResult& result) {
    Json json{{"algorithm", info_of(request.algorithm).name},
              {"safe", info_of(request.algorithm).safe},
              {"ports", request.ports.size()},
              {"rate", request.rate},
              {"hold_seconds", request.held},
              {"time_wait_seconds", request.time_wait},
              {"destinations", request.destinations},
              {"duration_seconds", request.duration},
              {"seed", request.seed}};
    json.update(result_json(result));
    return json;
}

void print_simulation_json(const SimulationRequest& request, const SimulationResult& result, const Sink& sink) {
    print_json("simulation", to_json(request, result), sink);
}

void print_simulation_text(const SimulationRequest& request, const SimulationResult& result, const Sink& sink) {
    const auto line = [&](std::string_view name, std::string_view value) {
        sink(fmt::format("{:<13}{}\n", name, value));
    };
    const TryStatistics& tries = result.tries;
    const Predictability& guess = result.predictability;
    line("algorithm", algorithm_text(request.algorithm));
    line("load", load_text(request));
    line("needs", fmt::format("{:.0f} ports to each destination; there are {}", result.wanted, request.ports.size()));
    line("sustainable", sustainable_text(request));
    line("exhausted", result.exhausted_after ? fmt::format("after {:.1f} s", *result.exhausted_after) : "never");
    line("opened", fmt::format("{} of {}", result.opened, result.offered));
    line("failed", fmt::format("{}, {} of them with ports free", result.failed, result.failed_early));
    line("tries", fmt::format("mean {:.2f}, median {}, 99 % within {}, at most {}", tries.mean, tries.median,
                              tries.percentile_99, tries.most));
    line("collisions", fmt::to_string(result.collisions));
    line("most taken", fmt::format("{} ports to one destination", result.most_taken));
    line("reuse", result.soonest_reuse
                      ? fmt::format("{:.3f} s after a port was free, at the soonest", *result.soonest_reuse)
                      : "none");
    line("guessing", fmt::format("{}, from a port of one's own", guess_text(guess.from_own, guess.most)));
    line("",
         fmt::format("{}, from the port before to the same destination", guess_text(guess.from_former, guess.most)));
}

Plot plot_of(const SimulationRequest& request, const SimulationResult& result) {
    const auto all = static_cast<double>(request.ports.size()) * request.destinations;
    PlotPanel ports{"ports", "ports", {}, std::pair(all, fmt::format("{:g} ports", all))};
    ports.lines = {
        {"in use", line_of(result, [](const SimulationSample& sample) { return double(sample.in_use); })},
        {"in TIME_WAIT", line_of(result, [](const SimulationSample& sample) { return double(sample.time_wait); })},
        {"taken",
         line_of(result, [](const SimulationSample& sample) { return double(sample.in_use) + sample.time_wait; })}};
    PlotPanel failed{"connections that found no port, so far", "connections", {}};
    failed.lines = {{"failed", line_of(result, [](const SimulationSample& sample) { return double(sample.failed); })}};
    return {fmt::format("{}: {:g} connections per second, {} ports", info_of(request.algorithm).name, request.rate,
                        request.ports.size()),
            "seconds",
            {ports, failed}};
}

}  // namespace xdemux
