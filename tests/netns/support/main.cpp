// SPDX-License-Identifier: BSD-2-Clause
// Moves into a network namespace of its own before the first test, so that no test can touch the host's interfaces.
#include <cerrno>
#include <cstring>
#include <exception>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "shared/privilege.h"
#include "support/netns_fixture.h"

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
    if (::geteuid() != 0) return xdemux::test::cannot_run("it needs root; run it with sudo");
    if (::unshare(CLONE_NEWNET) != 0) return xdemux::test::cannot_run(std::strerror(errno));
    try {
        xdemux::test::run("ip link set lo up");
    } catch (const std::exception& error) {
        return xdemux::test::cannot_run(error.what());
    }
    return RUN_ALL_TESTS();
}
