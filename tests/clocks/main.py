#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [PATTERN...]

Whether what is kept for a time ends when it should, whatever the clocks show: the tests of this folder, or those whose
names match a pattern (as `python3 -m unittest -k`). XDEMUX_TOOL is the tool under test;
XDEMUX_OWN_MACHINE=1 allows to set the wall clock too, which is for virtual machines alone.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../services")]
from entry import run_suite, tests_of  # noqa: E402

sys.exit(run_suite("clocks", ("unshare",), lambda: tests_of(HERE, sys.argv[1:])))
