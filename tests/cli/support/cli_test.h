// SPDX-License-Identifier: BSD-2-Clause
// What the tests of the control tool share: an instance that is gone after each test, expectations on an outcome, and
// the proof that a refused command changed nothing.
#pragma once

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/netns_fixture.h"
#include "support/tool.h"

namespace xdemux::test {

class CliTest : public NetnsTest {
  protected:
    void TearDown() override;

    /// Attaches the near device; fails the test where that does not work.
    static void attach(const std::string& options = "");
};

/// It ended with 0 and said nothing on either stream but what it is asked for.
void expect_quiet(const std::string& arguments, const RunOptions& options = {});
/// It ended with 0; returns what it printed on standard output.
std::string expect_prints(const std::string& arguments, const RunOptions& options = {});
/// As expect_prints() with --json: "schema" is 1, and there is one more member, of that name, which is returned.
Json expect_json(const std::string& arguments, const std::string& member);
/// It ended with `code`, printed nothing on standard output, and said "xdemux: MESSAGE" on standard error; the message
/// is a regular expression over the whole. What the instance holds is the same as before.
void expect_refused(const std::string& arguments, int code, const std::string& message, const RunOptions& options = {});

/// The names of an object's members, in their order.
std::vector<std::string> members_of(const Json& object);

/// What the instance holds but for counters: "not loaded", or status, listeners and flows.
std::string state_dump();

}  // namespace xdemux::test
