// SPDX-License-Identifier: BSD-2-Clause
// The command line of the bench. It alone prints and exits.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "fill.h"
#include "flood.h"
#include "host_sockets.h"
#include "report.h"
#include "shared/privilege.h"
#include "sockets.h"
#include "support/testbed.h"

namespace xdemux::bench {
namespace {

constexpr std::uint32_t fewest_rounds = 7, most_rounds = 1000;
constexpr std::uint32_t quick_repeats = 100'000;
constexpr double busy = 1.5;  // load average; the bench alone, run again and again, comes to 1

struct Options {
    Effort effort;
    FloodEffort flood_effort;
    FillEffort fill_effort;
    bool json = false, verbose = false, quick = false, flood = false, flows = false;
};

Options parse(CLI::App& app, int argc, char** argv) {
    Options options;
    app.add_flag("--json", options.json, "the figures as JSON");
    app.add_option("--rounds", options.effort.rounds, "rounds of which the median is taken")
        ->check(CLI::Range(fewest_rounds, most_rounds))
        ->capture_default_str();
    app.add_flag("--quick", options.quick, "few and short rounds: a check rather than a measurement");
    app.add_flag("--verbose", options.verbose, "with the baseline, and the difference of the fastest rounds");
    app.add_flag("--flood", options.flood, "a flood of closed ports on a veth, with and without xdemux, instead");
    app.add_flag("--flows", options.flows, "the flow table with up to 8 million flows instead, beside a BPF hash map");
    app.parse(argc, argv);
    if (app.count("--rounds") != 0) options.flood_effort.rounds = options.effort.rounds;
    if (options.quick) {
        options.fill_effort.rounds = 1;
        options.flood_effort = {1, std::chrono::milliseconds(100), std::chrono::seconds(1)};
        options.effort.repeats = quick_repeats;
        if (app.count("--rounds") == 0) options.effort.rounds = fewest_rounds;
    }
    return options;
}

void show_progress(std::string_view what, std::size_t done, std::size_t of) {
    if (::isatty(STDERR_FILENO) == 0) return;
    std::fprintf(stderr, "\r\033[K%3zu %%  %.*s", 100 * done / of, static_cast<int>(what.size()), what.data());
}

void hide_progress() {
    if (::isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
}

// Whatever else runs slows the CPU down by far more than what is measured here.
void warn_of_load() {
    double load = 0;
    if (::getloadavg(&load, 1) != 1 || load < busy) return;
    std::fprintf(stderr,
                 "bench: the load average is %.1f: other work disturbs the figures; compare them on an idle "
                 "machine\n",
                 load);
}

void show_step(std::string_view what) {
    if (::isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K%.*s", static_cast<int>(what.size()), what.data());
}

std::string measure_flood(const Options& options) {
    const auto lines = run_flood(options.flood_effort, show_step);
    const auto drops = run_drops(options.flood_effort, show_step);
    hide_progress();
    if (!options.json) return render_flood(lines) + '\n' + render_drops(drops);
    auto plain = lines_of(lines);
    for (const DropLine& line : drops)
        plain.push_back(line_of(line));
    return render_json(plain);
}

std::string measure(const Options& options) {
    // So that other work of this machine takes the CPU away less often; it is only a wish.
    ::setpriority(PRIO_PROCESS, 0, -20);
    warn_of_load();
    const auto sockets = open_host_sockets();
    if (options.flood) return measure_flood(options);
    const std::uint32_t ifindex = test::Testbed::get().ifindex();
    Timer timer(ifindex);
    std::vector<Line> lines =
        run(timer, options.flows ? flow_scenarios() : scenarios(ifindex), options.effort, show_progress);
    const auto more = options.flows ? measure_fill(options.fill_effort, show_step)
                                    : run_sockets(sockets.front().get(), options.effort, show_progress);
    lines.insert(options.flows ? lines.begin() : lines.end(), more.begin(), more.end());
    hide_progress();
    return options.json ? render_json(lines) : render_table(lines, options.verbose);
}

int run_bench(const Options& options) {
    int status = EXIT_SUCCESS;
    try {
        const std::string text = measure(options);
        if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
            throw std::runtime_error(std::string("cannot write the figures to standard output: ") +
                                     std::strerror(errno));
    } catch (const std::exception& error) {
        hide_progress();
        std::fprintf(stderr, "bench: %s\n", error.what());
        status = EXIT_FAILURE;
    }
    test::Testbed::tear_down();
    return status;
}

int run_main(int argc, char** argv) {
    CLI::App app("What a packet costs, over a program that only drops.", "bench");
    Options options;
    try {
        options = parse(app, argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : 2;
    }
    if (::geteuid() != 0) return test::cannot_run("it needs root; run it with sudo");
    try {
        test::Testbed::set_up();
    } catch (const std::exception& error) {
        return test::cannot_run(error.what());
    }
    return run_bench(options);
}

}  // namespace
}  // namespace xdemux::bench

int main(int argc, char** argv) {
    return xdemux::bench::run_main(argc, argv);
}
