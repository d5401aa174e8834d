# SPDX-License-Identifier: BSD-2-Clause
"""Ways to see another time than the host's: a time namespace, a wall clock that is set. They expect nothing."""
import os
import subprocess
import time

DAY = 86400


class Namespace:
    """Clocks since boot that differ by so many seconds, for the tools that are run in it (time_namespaces(7))."""

    def __init__(self, seconds):
        self.name = f"a time namespace at {seconds:+} s"
        self.prefix = ("unshare", "--time", "--fork", "--monotonic", str(seconds), "--boottime", str(seconds))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class WallClock:
    """The wall clock set by so many seconds, and back at the end."""

    def __init__(self, seconds):
        self.name, self.seconds, self.prefix = f"the wall clock set by {seconds:+} s", seconds, ()

    def step(self, seconds):
        time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)

    def __enter__(self):
        self.step(self.seconds)
        return self

    def __exit__(self, *_):
        self.step(-self.seconds)


def views():
    """Forth and back; back by no more than the host is up, and the wall clock where it may be set alone."""
    seen = []
    if subprocess.run((*Namespace(DAY).prefix, "true"), capture_output=True).returncode == 0:
        seen += [Namespace(3 * DAY), Namespace(-int(time.monotonic() / 2))]
    if os.environ.get("XDEMUX_OWN_MACHINE") == "1":
        seen += [WallClock(3 * DAY), WallClock(-3 * DAY)]
    return seen
