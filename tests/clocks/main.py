#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py

Whether what is kept for a time ends when it should, whatever the clocks show. XDEMUX_TOOL is the tool under test;
XDEMUX_OWN_MACHINE=1 allows to set the wall clock too, which is for virtual machines alone.
"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../services"), os.path.join(HERE, "../faults")]
from entry import run_suite  # noqa: E402


def suite():
    found = unittest.TestLoader().discover(HERE, pattern="*_test.py", top_level_dir=HERE)
    return unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(found).wasSuccessful()


sys.exit(run_suite("clocks", ("unshare",), suite))
