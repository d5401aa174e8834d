// SPDX-License-Identifier: BSD-2-Clause
#include "commands/verify.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>

#include <fmt/format.h>

#include <xdemux/ops/verify.h>

#include "commands/options.h"
#include "commands/session.h"
#include "render/verify.h"

namespace xdemux {
namespace {

struct VerifyArguments {
    std::string packets;
    std::string seed;
};

std::uint64_t any_seed() {
    std::random_device device;
    return device();  // 32 bits: short enough to type again
}

Result<VerifyRequest> request_of(const VerifyArguments& arguments) {
    constexpr std::uint64_t most_packets = 1'000'000'000'000;
    VerifyRequest request;
    request.seed = any_seed();
    if (!arguments.packets.empty()) {
        const auto packets = parse_number(arguments.packets, "--random", 1, most_packets);
        if (!packets) return fail(packets.error());
        request.packets = *packets;
    }
    if (!arguments.seed.empty()) {
        const auto seed = parse_number(arguments.seed, "--seed", 0, std::numeric_limits<std::uint64_t>::max());
        if (!seed) return fail(seed.error());
        request.seed = *seed;
    }
    return request;
}

/// What a command that repeats one packet begins with.
std::string explain_words(const Session& session) {
    std::string words = "xdemux ";
    if (session.instance() != default_instance) words += fmt::format("--instance {} ", session.instance());
    if (!session.netns().empty()) words += fmt::format("--netns {} ", session.netns());
    return words + "explain";
}

Status run_verify(const VerifyArguments& arguments, Session& session) {
    auto request = request_of(arguments);
    if (!request) return fail(request.error());
    const auto instance = session.open();
    if (!instance) return fail(instance.error());
    Result<VerifyReport> report = [&] {
        ProgressBar bar("verifying");
        request->progress = [&](std::size_t done, std::size_t total) { bar.show(done, total); };
        return verify(*instance, *request);
    }();
    if (!report) return fail(std::move(report.error()));
    if (session.json()) {
        print_verify_json(*report, explain_words(session), session.sink());
    } else {
        print_verify_text(*report, explain_words(session), session.sink());
    }
    const std::uint64_t wrong = report->total.mismatched;
    if (wrong == 0) return {};
    return fail(ErrorKind::mismatch,
                fmt::format("{} of {} packets are not decided as they should be; the command beside each shows how",
                            wrong, report->total.packets));
}

}  // namespace

void add_verify_command(Command root, Commands& commands) {
    auto arguments = std::make_shared<VerifyArguments>();
    Command verify =
        root.add_command("verify", "hold the attached program against the precedence and the kernel's look-ups");
    verify.add_option("--random", arguments->packets, "how many random packets; 100000 unless given").type_name("N");
    verify.add_option("--seed", arguments->seed, "draw the same packets again; a new one unless given").type_name("S");
    commands.add(verify, [arguments](Session& session) { return run_verify(*arguments, session); });
}

}  // namespace xdemux
