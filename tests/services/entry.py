# SPDX-License-Identifier: BSD-2-Clause
"""How a suite in this world begins and ends: whether it can run here, and the world made and removed."""
import os
import shutil
import signal
import sys
import unittest

from world import PASS, TOOL, WORLD

PROGRAMS = (TOOL, "ip", "ethtool", "nsenter")
SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt


def tests_of(folder, patterns):
    """Runs the tests of a folder, or those whose names match a pattern; returns whether there were any, and all was well."""
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{pattern}*" for pattern in patterns] or None
    tests = loader.discover(folder, pattern="*_test.py")
    result = unittest.TextTestRunner(verbosity=2, descriptions=False).run(tests)
    return result.testsRun > 0 and result.wasSuccessful()


def missing(programs):
    """Why the suite cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "it needs root; run it with sudo"
    absent = [program for program in (*PROGRAMS, *programs) if not shutil.which(program)]
    absent += [] if os.path.exists(PASS) else [PASS]
    return f"missing: {', '.join(absent)}; run scripts/setup" if absent else ""


def run_suite(name, programs, suite, lacking=lambda: ""):
    """Runs `suite()`, which says whether all was well, in the world; returns the exit code. `programs`: that it needs;
    `lacking()`: why else it cannot run here, or nothing."""
    if why := missing(programs) or lacking():
        print(f"{name}: cannot run: {why}", file=sys.stderr)
        # A privileged test that cannot run is a skip on a laptop, and a failure in CI.
        return 1 if os.environ.get("CI") else SKIPPED
    # What was made is removed all the same; unittest would take any other exception for a failed case and go on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        WORLD.set_up()
        return 0 if suite() else 1
    finally:
        WORLD.tear_down()
