# SPDX-License-Identifier: BSD-2-Clause
"""Blocks, leases, changes to be confirmed, flows and evidence: none ends before its time, or stays after it, for a step of
the wall clock, or since the tool that made it or looks at it is in another time namespace.
"""
import json
import os
import socket
import subprocess
import time
import unittest

from views import views
from world import TIME_SCALE, WORLD, wait_for

SCANNED = range(2000, 2008)
FLOW = ("udp", "192.0.2.1:80", "192.0.2.9:40000")


def xdemux(view, *arguments):
    """What it printed; raises where it fails. `view`: none, or one of views()."""
    done = subprocess.run((*(view.prefix if view else ()), *WORLD.tool(), *arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{arguments}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def shown(view, member, *arguments):
    return json.loads(xdemux(view, "--json", *arguments))[member]


def make(view, seconds):
    """Each thing that is kept for a time, for so many seconds; two leases, one of them bound to this process instead."""
    lease = ("ephemeral", "lease", "tcp", "127.0.0.1", "127.0.0.1:443", "--range", "62000-62003")
    xdemux(view, *lease, "--owner", "timed", "--ttl", str(seconds), "--quarantine", "0")
    xdemux(view, *lease, "--owner", "bound", "--pid", str(os.getpid()), "--quarantine", "0")
    xdemux(view, "scan", "block", "192.0.2.77", str(seconds))
    xdemux(view, "ephemeral", "set", "20000-60999", "--confirm", str(seconds), "--force")
    xdemux(view, "set", "--enforce", "--confirm", str(seconds), "--force")
    xdemux(view, "flow", "add", *FLOW)


def kept(view):
    """What of it is there, to the eyes of a tool in that view, which also sweeps what it holds for due."""
    xdemux(view, "flow", "expire", "--udp", "300")
    ports = shown(view, "ephemeral", "ephemeral", "show")
    return {
        "leases": sorted(row["owner"] for row in shown(view, "leases", "ephemeral", "list")),
        "flows": len([row for row in shown(view, "flows", "flow", "list") if row["proto"] == "udp"]),
        "blocks": len(shown(view, "blocks", "scan", "blocks")),
        "settings": shown(view, "status", "status")["pending"] is not None,
        "ports": ports["pending"] is not None and ports["range"]["first"] == 20000,
    }


def left(view):
    """For how many seconds yet the settings, the ports and the block stay; the block by the clock of the data path."""
    block = shown(view, "blocks", "scan", "blocks")[0]
    return {
        "settings": shown(view, "status", "status")["pending"]["seconds_left"],
        "ports": shown(view, "ephemeral", "ephemeral", "show")["pending"]["seconds_left"],
        "block": block["until_ns"] / 1e9 - time.monotonic(),
    }


def touch_closed_ports():
    with WORLD.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for port in SCANNED:
            sender.sendto(b"x", (WORLD.host.ipv4, port))


ALL = {"leases": ["bound", "timed"], "flows": 1, "blocks": 1, "settings": True, "ports": True}
# The lease of this process, which lives, and the flow stay.
ENDED = {"leases": ["bound"], "flows": 1, "blocks": 0, "settings": False, "ports": False}


class Clocks(unittest.TestCase):
    def setUp(self):
        WORLD.xdemux("attach", WORLD.host.dev, "--mode", "generic", "--closed", "drop")
        self.addCleanup(WORLD.leave)

    def for_each_view(self, test):
        self.assertTrue(views(), "this kernel has no time namespaces")
        for view in views():
            with self.subTest(view.name):
                test(view)
                for command in ("rollback", "rollback", ("ephemeral", "release", "--all", "--owner", "bound"),
                                ("ephemeral", "release", "--all", "--owner", "timed"), ("scan", "unblock", "--all"), ("flow", "flush")):
                    words = (command,) if isinstance(command, str) else command
                    subprocess.run((*WORLD.tool(), *words), capture_output=True)

    def assert_left(self, seconds, view, began):
        """Of so many seconds, those that have not passed since the making began; what is told is rounded to a second."""
        remaining = left(view)
        passed = time.monotonic() - began
        for what, remains in remaining.items():
            self.assertTrue(seconds - passed - 1 <= remains <= seconds + 1, f"{what} stays for {remains} s, not {seconds}")

    def test_what_is_kept_is_kept_wherever_it_is_looked_at(self):
        def look(view):
            began = time.monotonic()
            make(None, 600)
            with view:
                self.assertEqual(kept(view), ALL)
                self.assert_left(600, view, began)
            self.assertEqual(kept(None), ALL)

        self.for_each_view(look)

    def test_what_is_made_elsewhere_is_kept_as_long(self):
        def look(view):
            began = time.monotonic()
            with view:
                make(view, 600)
                self.assertEqual(kept(view), ALL)
            self.assertEqual(kept(None), ALL)
            self.assert_left(600, None, began)

        self.for_each_view(look)

    def test_what_is_over_ends(self):
        def look(view):
            with view:
                make(view, 1)
                for seen in (view, None):
                    wait_for(lambda: kept(seen) == ENDED, f"all ends: {kept(seen)}")

        self.for_each_view(look)

    def test_who_scanned_just_now_did_so_everywhere(self):
        touch_closed_ports()

        def look(view):
            with view:
                rows = shown(view, "scans", "scan", "list", "--since", str(int(60 * TIME_SCALE)))
                self.assertEqual([row["source"] for row in rows], [WORLD.peer.ipv4])

        self.for_each_view(look)
