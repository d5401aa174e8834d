// SPDX-License-Identifier: BSD-2-Clause
// Runs the real `xdemux` and captures what a user would see. It asserts nothing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace xdemux::test {

using Json = nlohmann::ordered_json;

struct Outcome {
    int code = -1;  ///< the exit code; 128 + the signal that killed it
    std::string out;
    std::string err;

    /// What it printed, parsed. Throws where it is no JSON.
    [[nodiscard]] Json json() const { return Json::parse(out); }
};

enum class Stdout {
    captured,
    closed,  ///< as with `>&-`
    broken,  ///< a pipe whose reader has gone
};

struct RunOptions {
    std::string input{};  ///< standard input
    Stdout standard_output = Stdout::captured;
    std::function<void()> in_child{};                      ///< before the tool starts
    std::function<bool(const std::string& out)> enough{};  ///< once it holds for what was printed, SIGINT is sent
};

/// Any program. Throws std::runtime_error where it cannot be started.
Outcome run_program(const std::vector<std::string>& words, const RunOptions& options = {});

/// `xdemux --instance INSTANCE ARGUMENTS`, an instance that no other test process uses.
Outcome xdemux(const std::vector<std::string>& arguments, const RunOptions& options = {});
/// The same of words that are separated by blanks.
Outcome xdemux(const std::string& arguments, const RunOptions& options = {});

/// Of this test process.
const std::string& instance();

}  // namespace xdemux::test
