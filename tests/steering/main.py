#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [PATTERN...]

Where packets go that are steered: the tests of this folder, or those whose names match a pattern (as
`python3 -m unittest -k`). XDEMUX_TOOL is the tool under test, XDEMUX_XSK_ECHO the example of AF_XDP, XDEMUX_PASS the
object of tests/services/pass.bpf.c, XDEMUX_TIME_SCALE multiplies the limits on slow machines.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../services"))
from applications import XSK_ECHO  # noqa: E402
from entry import run_suite, tests_of  # noqa: E402
from world import WORLD  # noqa: E402


def main(patterns):
    WORLD.queues = 2
    return run_suite("steering", (XSK_ECHO,), lambda: tests_of(HERE, patterns))


sys.exit(main(sys.argv[1:]))
