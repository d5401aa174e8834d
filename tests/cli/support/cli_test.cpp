// SPDX-License-Identifier: BSD-2-Clause
#include "support/cli_test.h"

#include <regex>
#include <vector>

namespace xdemux::test {

void CliTest::TearDown() {
    const Outcome unloaded = xdemux("unload");
    EXPECT_TRUE(unloaded.code == 0 || unloaded.code == 3) << unloaded.err;
}

void CliTest::attach(const std::string& options) {
    const Outcome attached = xdemux("attach xd0 " + options);
    ASSERT_EQ(attached.code, 0) << attached.err;
}

void expect_quiet(const std::string& arguments, const RunOptions& options) {
    const Outcome outcome = xdemux(arguments, options);
    EXPECT_EQ(outcome.code, 0) << arguments << ": " << outcome.err;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_EQ(outcome.err, "") << arguments;
}

std::string expect_prints(const std::string& arguments, const RunOptions& options) {
    const Outcome outcome = xdemux(arguments, options);
    EXPECT_EQ(outcome.code, 0) << arguments << ": " << outcome.err;
    EXPECT_EQ(outcome.err, "") << arguments;
    return outcome.out;
}

Json expect_json(const std::string& arguments, const std::string& member) {
    const std::string text = expect_prints(arguments + " --json");
    const Json json = Json::parse(text, nullptr, false);
    EXPECT_FALSE(json.is_discarded()) << arguments << ": " << text;
    EXPECT_EQ(members_of(json), (std::vector<std::string>{"schema", member})) << text;
    if (!json.is_object() || !json.contains(member)) return nullptr;
    EXPECT_EQ(json["schema"], 1);
    return json[member];
}

void expect_refused(const std::string& arguments, int code, const std::string& message, const RunOptions& options) {
    const std::string before = state_dump();
    const Outcome outcome = xdemux(arguments, options);
    EXPECT_EQ(outcome.code, code) << arguments << ": " << outcome.err;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_TRUE(std::regex_match(outcome.err, std::regex("xdemux: " + message + "\n")))
        << arguments << "\n  said:   " << outcome.err << "  wanted: xdemux: " << message;
    EXPECT_EQ(state_dump(), before) << arguments;
}

std::vector<std::string> members_of(const Json& object) {
    std::vector<std::string> names;
    if (!object.is_object()) return names;
    for (const auto& [name, value] : object.items())
        names.push_back(name);
    return names;
}

std::string state_dump() {
    const Outcome status = xdemux("status --json");
    if (status.code == 3) return "not loaded";
    std::string text = status.out;
    for (const char* words : {"listener list --json", "flow list --json"})
        text += xdemux(words).out;
    return text;
}

}  // namespace xdemux::test
