#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [PATTERN...]

Runs the tests of this folder, or those whose names match a pattern (as `python3 -m unittest -k`). XDEMUX_TOOL is the
tool under test, XDEMUX_PASS the object of pass.bpf.c, XDEMUX_TIME_SCALE multiplies the limits on slow machines.
"""
import os
import shutil
import signal
import sys
import unittest

from servers import postgres_program
from world import PASS, TOOL, WORLD

PROGRAMS = (TOOL, "ip", "ethtool", "ss", "nsenter", "setpriv", "ssh", "/usr/sbin/sshd", "nginx", "curl", "dnsmasq", "dig",
            "redis-check-rdb", "redis-cli", "redis-benchmark", "nmap",
            *map(postgres_program, ("postgres", "initdb", "psql", "pgbench", "pg_isready")))
SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt


def missing():
    """Why the tests cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "it needs root; run it with sudo"
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    absent += [] if os.path.exists(PASS) else [PASS]
    return f"missing: {', '.join(absent)}; run scripts/setup" if absent else ""


def main(patterns):
    why = missing()
    if why:
        print(f"services: cannot run: {why}", file=sys.stderr)
        # A privileged test that cannot run is a skip on a laptop, and a failure in CI.
        return 1 if os.environ.get("CI") else SKIPPED
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{pattern}*" for pattern in patterns] or None
    suite = loader.discover(os.path.dirname(os.path.abspath(__file__)), pattern="*_test.py")
    # What was made is removed all the same; unittest would take any other exception for a failed case and go on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        WORLD.set_up()
        return 0 if unittest.TextTestRunner(verbosity=2, descriptions=False).run(suite).wasSuccessful() else 1
    finally:
        WORLD.tear_down()


sys.exit(main(sys.argv[1:]))
