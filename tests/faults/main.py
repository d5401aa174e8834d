#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [--injections N] [--kills N] [--seconds N] [--seed S]

Changes that are interrupted: a system call fails, the tool is killed, memory runs out, the device goes, another tool is
at work. What is there afterwards is what was there before, or what was asked for. XDEMUX_TOOL is the tool under test.
"""
import argparse
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../services"))
import inject  # noqa: E402
import kill  # noqa: E402
import world_faults  # noqa: E402
from entry import run_suite  # noqa: E402


def tell(what, tally, failures):
    print(f"{what}: {sum(tally.values())}, {failures} failed: "
          + ", ".join(f"{name} {count}" for name, count in sorted(tally.items())), flush=True)
    return failures


def everything(arguments, drawn):
    failed = tell("calls that failed", *inject.run(arguments.injections, drawn))
    failed += tell("changes that were killed", *kill.run(arguments.kills, drawn))
    for fault in (world_faults.memory_limit, lambda: world_faults.two_tools(arguments.seconds), world_faults.device_goes):
        try:
            print(fault(), flush=True)
        except AssertionError as error:
            print(f"FAILED: {error}", flush=True)
            failed += 1
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--injections", type=int, default=24, help="calls that fail; 0: every one of every change")
    parser.add_argument("--kills", type=int, default=24, help="changes that are killed")
    parser.add_argument("--seconds", type=int, default=3, help="of two tools at once")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    return run_suite("faults", ("strace",), lambda: everything(arguments, random.Random(arguments.seed)) == 0)


sys.exit(main())
