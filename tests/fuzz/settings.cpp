// SPDX-License-Identifier: BSD-2-Clause
// Guards, targets and settings: any text is one or an error, and what is parsed says itself again.
#include <sstream>
#include <vector>

#include <xdemux/policy/guard.h>
#include <xdemux/policy/settings.h>
#include <xdemux/policy/target.h>

#include "text.h"

namespace {

using namespace xdemux;

void check_sources(std::string_view text) {
    std::vector<Prefix> sources;
    const Status parsed = parse_sources(text, sources);
    fuzz::check_refusal(parsed, text);
    sort_sources(sources);
    const Guard guard{sources, std::nullopt};
    for (const Prefix& source : guard.sources) {
        fuzz::require(guard.admits(source.address), "a source that is listed is not admitted: " + std::string(text));
        const auto again = parse_source(source_text(source));
        fuzz::require(again && *again == source, "a source became another: " + source_text(source));
    }
    std::istringstream file{std::string(text)};
    std::vector<Prefix> read;
    fuzz::check_refusal(read_sources(file, "file", read), text);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    check_sources(text);
    const std::string_view rate = text.substr(0, text.find(' '));
    const std::string_view burst = text.substr(std::min(text.size(), rate.size() + 1));
    fuzz::check_refusal(parse_rate(rate, burst), text);
    fuzz::check_refusal(parse_rate(text, std::nullopt), text);
    if (const auto mode = parse_mode(text)) fuzz::require(mode_name(*mode) == text, "a mode of another name");
    if (const auto policy = parse_closed_policy(text))
        fuzz::require(closed_policy_name(*policy) == text, "a policy of another name");
    const auto target = Target::parse(text);
    fuzz::check_refusal(target, text);
    if (target) {
        const auto again = Target::parse(target->to_string());
        fuzz::require(again && *again == *target, "a target became another");
    }
    return 0;
}
