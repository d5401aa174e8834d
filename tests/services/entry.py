# SPDX-License-Identifier: BSD-2-Clause
"""How a suite in this world begins and ends: whether it can run here, and the world made and removed."""
import os
import shutil
import signal
import sys

from world import PASS, TOOL, WORLD

PROGRAMS = (TOOL, "ip", "ethtool", "nsenter")
SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt


def missing(programs):
    """Why the suite cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "it needs root; run it with sudo"
    absent = [program for program in (*PROGRAMS, *programs) if not shutil.which(program)]
    absent += [] if os.path.exists(PASS) else [PASS]
    return f"missing: {', '.join(absent)}; run scripts/setup" if absent else ""


def run_suite(name, programs, suite):
    """Runs `suite()`, which says whether all was well, in the world; returns the exit code. `programs`: that it needs."""
    if why := missing(programs):
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
