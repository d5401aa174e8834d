// SPDX-License-Identifier: BSD-2-Clause
// The command line of the bench of leases. It alone prints and exits.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>
#include <sched.h>
#include <unistd.h>

#include "ephemeral.h"
#include "render/plot.h"
#include "shared/privilege.h"

namespace xdemux::bench {
namespace {

struct Options {
    bool json = false, quick = false;
    std::string plot;
};

void draw(const std::string& path, const std::vector<ConnectLine>& lines) {
    Plot plot{"Connections over the loopback interface while a range of 8,000 ports fills", "% of the range taken", {}};
    PlotPanel panel{"to one destination", "connections per second", {}};
    for (const ConnectLine& line : lines)
        panel.lines.push_back({line.name, line.points});
    plot.panels.push_back(std::move(panel));
    const auto format = plot_format(path);
    if (!format) throw std::runtime_error(format.error().message());
    std::ofstream file(path, std::ios::binary);
    const auto drawn = draw_plot(
        plot, *format, [&](std::string_view piece) { file.write(piece.data(), std::streamsize(piece.size())); });
    if (!drawn) throw std::runtime_error(drawn.error().message());
    if (!file.flush()) throw std::runtime_error("cannot write the plot to \"" + path + "\"");
}

void run(const Options& options) {
    const int prepared = std::system("ip link set lo up && echo 65535 > /proc/sys/net/core/somaxconn");
    if (prepared != 0) throw std::runtime_error("cannot prepare the network namespace");
    EphemeralEffort effort;
    if (options.quick) effort = {7'000, 50, 20, 400};
    const auto rows = measure_leases(effort);
    const auto lines = measure_connects(effort);
    if (!options.plot.empty()) draw(options.plot, lines);
    const std::string text = options.json ? render_ephemeral_json(rows, lines) : render_ephemeral(rows, lines);
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
        throw std::runtime_error("cannot write the figures to standard output");
}

int run_main(int argc, char** argv) {
    CLI::App app("What leasing a port costs, and connections with and without.", "ephemeral_bench");
    Options options;
    app.add_flag("--json", options.json, "the figures as JSON");
    app.add_flag("--quick", options.quick, "a check rather than a measurement");
    app.add_option("--plot", options.plot, "draw connections per second into a .png or .svg")->type_name("FILE");
    CLI11_PARSE(app, argc, argv);
    if (::geteuid() != 0) return test::cannot_run("it needs root; run it with sudo");
    if (::unshare(CLONE_NEWNET) != 0) return test::cannot_run("it may make no network namespace");
    try {
        run(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench: %s\n", error.what());
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace xdemux::bench

int main(int argc, char** argv) {
    return xdemux::bench::run_main(argc, argv);
}
