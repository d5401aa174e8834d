// SPDX-License-Identifier: BSD-2-Clause
// Sets up the test bed before the first test, so that no test can touch the host's interfaces.
#include <cstdio>
#include <cstdlib>
#include <exception>

#include <gtest/gtest.h>
#include <unistd.h>

#include "support/testbed.h"

namespace {

constexpr int skipped = 77;  // SKIP_RETURN_CODE in CMakeLists.txt

// A privileged test that cannot run is a skip on a laptop, and a failure in CI.
int cannot_run(const char* reason) {
    std::fprintf(stderr, "prog_tests cannot run: %s\n", reason);
    return std::getenv("CI") != nullptr ? EXIT_FAILURE : skipped;
}

}  // namespace

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
    if (::geteuid() != 0) return cannot_run("it needs root; run it with sudo");
    try {
        xdemux::test::Testbed::set_up();
    } catch (const std::exception& error) {
        return cannot_run(error.what());
    }
    const int result = RUN_ALL_TESTS();
    xdemux::test::Testbed::tear_down();
    return result;
}
