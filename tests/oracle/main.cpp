// SPDX-License-Identifier: BSD-2-Clause
// The oracle at any length: prints what was compared, by class, and a failing case as commands. Ends with 1 where
// something differs that may not.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "run.h"
#include "shared/privilege.h"
#include "support/netns_fixture.h"

namespace xdemux::oracle {
namespace {

/// The test bed of the namespace tests: xd0 here, xd1 in a namespace of its own.
class Link {
  public:
    Link() : pair_("xd0", "xd1", peer_.name()) {
        test::run("ip addr add 192.0.2.1/24 dev xd0; ip addr add 2001:db8::1/64 dev xd0 nodad");
        test::run_in(peer_.name(), "ip addr add 192.0.2.2/24 dev xd1; ip addr add 2001:db8::2/64 dev xd1 nodad");
    }
    [[nodiscard]] const std::string& peer() const { return peer_.name(); }

  private:
    test::NamedNetns peer_;
    test::VethPair pair_;
};

void print_counts(const char* title, const std::map<std::string, Count>& counts) {
    fmt::print("\n{:<48} {:>10} {:>10} {:>10}\n", title, "Agreed", "By design", "Mismatched");
    for (const auto& [name, count] : counts)
        fmt::print("{:<48} {:>10} {:>10} {:>10}\n", name, count.agreed, count.by_design, count.mismatched);
}

std::uint64_t total(const std::map<std::string, Count>& counts) {
    std::uint64_t sum = 0;
    for (const auto& [name, count] : counts) {
        const auto classes = design_classes();
        if (std::find(classes.begin(), classes.end(), name) == classes.end())
            sum += count.agreed + count.by_design + count.mismatched;
    }
    return sum;
}

void print(const RunRequest& request, const Report& report) {
    fmt::print("seed {}: {} look-ups, {} more with empty tables and the host asked, {} packets sent\n", request.seed,
               total(report.lookups), report.host_lookups, total(report.sends));
    fmt::print("{} scenes of sockets:", report.scenes);
    for (const auto& [kind, count] : report.sockets)
        fmt::print(" {} {}{}", count, kind, kind == report.sockets.rbegin()->first ? "\n" : ",");
    print_counts("Look-ups", report.lookups);
    print_counts("Sent", report.sends);
    if (report.failure) fmt::print("\nthe smallest case that differs:\n\n{}", commands_of(*report.failure));
}

}  // namespace
}  // namespace xdemux::oracle

int main(int argc, char** argv) {
    using namespace xdemux;
    oracle::RunRequest request;
    CLI::App app("holds xdemux against the kernel's own look-up, over real sockets");
    app.add_option("--lookups", request.lookups, "packets that both are asked about");
    app.add_option("--sends", request.sends, "packets that are really sent");
    app.add_option("--seed", request.seed, "of everything that is drawn");
    CLI11_PARSE(app, argc, argv);
    if (::geteuid() != 0) return test::cannot_run("it needs root; run it with sudo");
    if (::unshare(CLONE_NEWNET) != 0) return test::cannot_run(std::strerror(errno));
    try {
        test::run("ip link set lo up");
        const oracle::Link link;
        request.peer = link.peer();
        request.instance = fmt::format("oracle-{}", ::getpid());
        const oracle::Report report = oracle::run_oracle(request);
        oracle::print(request, report);
        return report.failure ? EXIT_FAILURE : EXIT_SUCCESS;
    } catch (const std::exception& error) {
        fmt::print(stderr, "seed {}: {}\n", request.seed, error.what());
        return EXIT_FAILURE;
    }
}
