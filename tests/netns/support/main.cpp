// SPDX-License-Identifier: BSD-2-Clause
// Moves into a network namespace of its own before the first test, so that no test can touch the host's interfaces.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "support/netns_fixture.h"

namespace {

constexpr int skipped = 77;  // SKIP_RETURN_CODE in CMakeLists.txt

// A privileged test that cannot run is a skip on a laptop, and a failure in CI.
int cannot_run(const char* reason) {
    std::fprintf(stderr, "netns_tests cannot run: %s\n", reason);
    return std::getenv("CI") != nullptr ? EXIT_FAILURE : skipped;
}

}  // namespace

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
    if (::geteuid() != 0) return cannot_run("it needs root; run it with sudo");
    if (::unshare(CLONE_NEWNET) != 0) return cannot_run(std::strerror(errno));
    try {
        xdemux::test::run("ip link set lo up");
    } catch (const std::exception& error) {
        return cannot_run(error.what());
    }
    return RUN_ALL_TESTS();
}
