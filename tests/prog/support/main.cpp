// SPDX-License-Identifier: BSD-2-Clause
// Sets up the test bed before the first test, so that no test can touch the host's interfaces.
#include <exception>

#include <gtest/gtest.h>
#include <unistd.h>

#include "shared/privilege.h"
#include "support/testbed.h"

int main(int argc, char** argv) {
    ::testing::InitGoogleTest(&argc, argv);
    if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
    if (::geteuid() != 0) return xdemux::test::cannot_run("it needs root; run it with sudo");
    try {
        xdemux::test::Testbed::set_up();
    } catch (const std::exception& error) {
        return xdemux::test::cannot_run(error.what());
    }
    const int result = RUN_ALL_TESTS();
    xdemux::test::Testbed::tear_down();
    return result;
}
