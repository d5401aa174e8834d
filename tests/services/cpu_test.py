# SPDX-License-Identifier: BSD-2-Clause
"""A CPU that is offline: no target, and one that was is shown as hindered. Only where the machine is the tests' own, for
every other process on it would have to move too.
"""
import contextlib
import json
import os
import unittest

from world import WORLD, RunFailed

CPU = 1


def set_online(online):
    with open(f"/sys/devices/system/cpu/cpu{CPU}/online", "w") as file:
        file.write(str(int(online)))


@contextlib.contextmanager
def offline():
    set_online(False)
    try:
        yield
    finally:
        set_online(True)


def hindrance():
    """Why packets cannot be steered to the CPU, or nothing."""
    rows = json.loads(WORLD.xdemux("target", "list", "--json"))["targets"]
    return next(row["hindrance"] for row in rows if row["target"] == f"cpu:{CPU}")


class OfflineCpu(unittest.TestCase):
    def setUp(self):
        WORLD.xdemux("attach", WORLD.host.dev, "--enforce", "--force")
        self.addCleanup(WORLD.leave)

    def test_is_refused_as_a_target_until_it_is_online(self):
        with offline():
            for target in (f"cpu:{CPU}", f"cpu:0-{CPU}"):
                with self.assertRaisesRegex(RunFailed, f"exit code 1\n.*CPU {CPU} is offline; bring it online, or leave it out"):
                    WORLD.xdemux("listener", "add", "udp", "*:53", "--to", target)
            self.assertEqual(json.loads(WORLD.xdemux("listener", "list", "--json"))["listeners"], [])
            WORLD.xdemux("listener", "add", "udp", "*:53", "--to", "cpu:0")
        WORLD.xdemux("listener", "add", "udp", "*:54", "--to", f"cpu:0-{CPU}")

    def test_hinders_the_targets_that_name_it(self):
        WORLD.xdemux("listener", "add", "udp", "*:53", "--to", f"cpu:{CPU}")
        self.assertIsNone(hindrance())
        with offline():
            self.assertEqual(hindrance(), f"CPU {CPU} is offline")
        self.assertIsNone(hindrance())


def load_tests(loader, tests, _pattern):
    return tests if os.environ.get("XDEMUX_OWN_MACHINE") == "1" else unittest.TestSuite()
