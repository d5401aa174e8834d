// SPDX-License-Identifier: BSD-2-Clause
// A privileged test that cannot run is a skip on a laptop, and a failure in CI.
#pragma once

namespace xdemux::test {

/// What main() returns then: 77 (SKIP_RETURN_CODE in CMakeLists.txt), or a failure where CI is set. Says why.
int cannot_run(const char* reason);

}  // namespace xdemux::test
