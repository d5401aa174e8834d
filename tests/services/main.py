#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [PATTERN...]

Runs the tests of this folder, or those whose names match a pattern (as `python3 -m unittest -k`). XDEMUX_TOOL is the
tool under test, XDEMUX_PASS the object of pass.bpf.c, XDEMUX_TIME_SCALE multiplies the limits on slow machines.
"""
import os
import sys

from entry import run_suite, tests_of
from servers import postgres_program

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = ("ss", "setpriv", "ssh", "/usr/sbin/sshd", "nginx", "curl", "dnsmasq", "dig",
            "redis-check-rdb", "redis-cli", "redis-benchmark", "nmap",
            *map(postgres_program, ("postgres", "initdb", "psql", "pgbench", "pg_isready")))


def main(patterns):
    return run_suite("services", PROGRAMS, lambda: tests_of(HERE, patterns))


sys.exit(main(sys.argv[1:]))
