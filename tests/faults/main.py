#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [--injections N] [--kills N] [--seconds N] [--seed S] [--part K/N]

Changes that are interrupted: a system call fails, the tool is killed, memory runs out, nothing can be kept, the device
goes, another tool is at work. What is there afterwards is what was there before, or what was asked for. XDEMUX_TOOL is
the tool under test.
"""
import argparse
import collections
import functools
import os
import random
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../services"))
import inject  # noqa: E402
import kill  # noqa: E402
import world_faults  # noqa: E402
from entry import run_suite  # noqa: E402
from handed_over import HANDED_OVER  # noqa: E402


class Part(collections.namedtuple("Part", "number all")):
    """The one of so many shares that this run does."""

    @classmethod
    def parse(cls, text):
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise argparse.ArgumentTypeError(f'"{text}" is no part; say 1/4 for the first of four')
        return cls(int(found[1]), int(found[2]))

    def of(self, things):
        return things[self.number - 1::self.all]

    def share(self, count):
        return len(self.of(range(count)))


def tell(what, tally, failures):
    print(f"{what}: {sum(tally.values())}, {failures} failed: "
          + ", ".join(f"{name} {count}" for name, count in sorted(tally.items())), flush=True)
    return failures


def faults_of_the_world(seconds, part):
    """Of the changes where nothing can be kept, the part; all else is the first part's."""
    failed = 0
    places = ((world_faults.FULL_RUN, "/run full"), (world_faults.NO_FILES_IN_RUN, "no new file in /run"),
              (world_faults.NO_PINS, "a bpffs that takes nothing"))
    names = part.of(world_faults.SOME_CHANGES)
    faults = [functools.partial(world_faults.no_room, *place, names) for place in places if names]
    if part.number == 1:
        faults = [world_faults.memory_limit, *faults, lambda: world_faults.two_tools(seconds), world_faults.device_goes]
    for fault in faults:
        try:
            print(fault(), flush=True)
        except AssertionError as error:
            print(f"FAILED: {error}", flush=True)
            failed += 1
    return failed


def everything(arguments, drawn):
    part = arguments.part
    try:
        failed = tell("calls that failed", *inject.run(arguments.injections, part, drawn))
        failed += tell("changes that were killed", *kill.run(arguments.kills, part, drawn))
        return failed + faults_of_the_world(arguments.seconds, part)
    finally:
        HANDED_OVER.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--injections", type=int, default=24, help="calls that fail; 0: every one of every change")
    parser.add_argument("--kills", type=int, default=24, help="changes that are killed")
    parser.add_argument("--seconds", type=int, default=3, help="of two tools at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", type=Part.parse, default=Part(1, 1), metavar="K/N", help="do the Kth of N shares alone")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    return run_suite("faults", ("strace", "bpftool"), lambda: everything(arguments, random.Random(arguments.seed)) == 0)


sys.exit(main())
