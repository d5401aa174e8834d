// SPDX-License-Identifier: BSD-2-Clause
#include "bench.h"

#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <linux/bpf.h>

#include "crowd.h"
#include "support/testbed.h"

namespace xdemux::bench {
namespace {

constexpr std::uint32_t warm_up_repeats = 100'000;

int action_of(contract::verdict verdict) {
    if (verdict == contract::VERDICT_STEER) return XDP_REDIRECT;
    return verdict == contract::VERDICT_PASS ? XDP_PASS : XDP_DROP;
}

// A yardstick counts nothing; it must come to the row's action.
void warm_up_yardstick(Timer& timer, int program, const Row& row) {
    const Timer::Run run = timer.run(program, row, warm_up_repeats);
    if (run.action != action_of(row.verdict))
        throw std::runtime_error(fmt::format("cannot time \"{}\": its packet came to XDP action {}, the row expects {}",
                                             row.name, run.action, action_of(row.verdict)));
    timer.run(timer.baseline(), row, warm_up_repeats);
}

// Warms the caches, and holds every packet against the row: the program's own counters must tell of nothing else.
void warm_up(Timer& timer, const Subject& subject, const Row& row) {
    const auto before = subject.counted(row.reason, row.verdict);
    const Timer::Run run = timer.run(subject.fd(), row, warm_up_repeats);
    const auto after = subject.counted(row.reason, row.verdict);
    const auto counted = after.packets - before.packets;
    if (counted != warm_up_repeats || after.monitored_packets != before.monitored_packets ||
        run.action != action_of(row.verdict))
        throw std::runtime_error(
            fmt::format("cannot time \"{}\": of {} packets {} came to reason {} and verdict {}, the last one to XDP "
                        "action {}; the row expects it of all of them",
                        row.name, warm_up_repeats, counted, static_cast<int>(row.reason), static_cast<int>(row.verdict),
                        run.action));
    timer.run(timer.baseline(), row, warm_up_repeats);
}

Pair time_pair(Timer& timer, int program, const Row& row, std::uint32_t repeats, bool baseline_first) {
    Pair pair;
    if (baseline_first) pair.baseline = timer.run(timer.baseline(), row, repeats).ns;
    pair.subject = timer.run(program, row, repeats).ns;
    if (!baseline_first) pair.baseline = timer.run(timer.baseline(), row, repeats).ns;
    return pair;
}

std::vector<Line> run_scenario(Timer& timer, const Scenario& scenario, const Crowd& crowd, const Effort& effort,
                               const std::function<void(std::string_view)>& step) {
    test::Testbed::get().set_forwarding(scenario.forwards);
    Subject subject(scenario.settings, scenario.flow_capacity);
    Yardsticks yardsticks(static_cast<std::uint32_t>(scenario.hashed.size()), subject, crowd.each());
    if (!scenario.hashed.empty()) yardsticks.add_flows(scenario.hashed);
    const auto program_of = [&](const Row& row) {
        return row.yardstick == Yardstick::none ? subject.fd() : yardsticks.fd(row.yardstick);
    };
    if (scenario.fill) scenario.fill(subject);
    for (const Row& row : scenario.rows) {
        if (row.yardstick == Yardstick::none)
            warm_up(timer, subject, row);
        else
            warm_up_yardstick(timer, program_of(row), row);
    }
    const std::size_t count = scenario.rows.size();
    std::vector<std::vector<Pair>> rounds(count);
    for (std::uint32_t round = 0; round < effort.rounds; round++) {
        const bool forth = round % 2 == 0;
        for (std::size_t i = 0; i < count; i++) {
            const std::size_t at = forth ? i : count - 1 - i;
            step(scenario.rows[at].name);
            rounds[at].push_back(
                time_pair(timer, program_of(scenario.rows[at]), scenario.rows[at], effort.repeats, forth));
        }
    }
    timer.release();
    std::vector<Line> lines;
    for (std::size_t i = 0; i < count; i++)
        lines.push_back({scenario.rows[i].name, figures_of(rounds[i]), scenario.rows[i].goal});
    return lines;
}

}  // namespace

std::vector<Line> run(Timer& timer, const std::vector<Scenario>& scenarios, const Effort& effort,
                      const Progress& progress) {
    std::size_t steps = 0, done = 0;
    for (const Scenario& scenario : scenarios)
        steps += scenario.rows.size() * effort.rounds;
    std::vector<Line> lines;
    std::optional<Crowd> crowd;
    for (const Scenario& scenario : scenarios) {
        if (!crowd || crowd->count() != scenario.crowd) {
            crowd.reset();
            crowd.emplace(scenario.crowd);
        }
        for (Line& line : run_scenario(timer, scenario, *crowd, effort,
                                       [&](std::string_view what) { progress(what, done++, steps); }))
            lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace xdemux::bench
