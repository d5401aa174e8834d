// SPDX-License-Identifier: BSD-2-Clause
#include "shared/privilege.h"

#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

namespace xdemux::test {

int cannot_run(const char* reason) {
    constexpr int skipped = 77;
    fmt::print(stderr, "{} cannot run: {}\n", ::program_invocation_short_name, reason);
    return std::getenv("CI") != nullptr ? EXIT_FAILURE : skipped;
}

}  // namespace xdemux::test
