#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [--minutes N] [--seed S]

Mixed traffic while everything changes: every packet that was sent is counted by one reason, each client of the service
is answered, and the kernel's memory for the tables stays. XDEMUX_TOOL is the tool under test.
"""
import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("services", "captures"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
from control_group import ControlGroup  # noqa: E402
from entry import run_suite  # noqa: E402
from traffic import PORT, Churn, Clients, Flood, Service  # noqa: E402
from world import WORLD, wait_for  # noqa: E402

GROWTH = 1 << 20  # bytes by which the kernel's memory may waver: caches of its own


def settle(before):
    """Once nothing is under way any more: as many packets counted as sent. Returns how many."""
    def agree():
        reasons, sent = (now - then for now, then in zip(WORLD.counted(), before))
        return reasons == sent
    try:
        wait_for(agree, "")
    except TimeoutError as error:
        raise AssertionError(f"packets counted and sent differ: {before} before, {WORLD.counted()} after") from error
    return WORLD.counted()[1] - before[1]


def check_memory(samples):
    """The last third takes no more than the first one did, which has seen every kind of change."""
    third = max(1, len(samples) // 3)
    first, last = max(samples[:third]), max(samples[-third:])
    assert last <= first + GROWTH, f"the kernel's memory grew from {first} to {last} bytes in {len(samples)} rounds"
    return first, last


def soak(seconds, seed):
    WORLD.xdemux("attach", WORLD.host.dev, "--enforce", "--closed", "drop")
    WORLD.xdemux("listener", "add", "udp", f"*:{PORT}", "--name", "echo")
    before = WORLD.counted()
    with ControlGroup("soak") as group, Service():
        workers = [Churn(group), Clients(), Flood(seed)]
        churn, clients, flood = workers
        for worker in workers:
            worker.start()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and all(worker.is_alive() for worker in workers):
            time.sleep(0.2)
        for worker in (flood, clients, churn):
            worker.stop()
        sent = settle(before)
        first, last = check_memory(churn.memory)
        report = WORLD.xdemux("verify", "--random", "20000")
        WORLD.leave()
    print(f"seed {seed}: {seconds} s: {sent} packets sent, {flood.sent} of them of the flood, each counted once; "
          f"{4 * clients.rounds} requests answered; {sum(churn.changes.values())} changes; the kernel's memory "
          f"{first} bytes in the first third, {last} in the last")
    print("    " + ", ".join(f"{name} {count}" for name, count in sorted(churn.changes.items())))
    print("    verify afterwards: " + report.strip().splitlines()[-1])
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return run_suite("soak", (), lambda: soak(arguments.minutes * 60, arguments.seed))


sys.exit(main())
