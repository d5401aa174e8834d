# SPDX-License-Identifier: BSD-2-Clause
"""Floods of closed ports: no request to the services that are open may fail meanwhile."""
import contextlib
import os
import subprocess
import sys
import unittest

import clients
import servers
from world import WORLD

FLOOD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flood.py")
MOST_PACKETS = 20_000_000
FEWEST_PACKETS = 50_000


@contextlib.contextmanager
def flood(kind):
    """From the peer, to both addresses of the host; it must last until the end of the block."""
    sender = subprocess.Popen(
        WORLD.peer.command(sys.executable, FLOOD, WORLD.peer.dev, WORLD.host.mac(), kind, *WORLD.host.addresses,
                           str(MOST_PACKETS)))
    try:
        yield sender
        if sender.poll() is not None:
            raise AssertionError("the flood was over before the requests were")
    finally:
        sender.terminate()
        sender.wait()


class Floods:
    """A mixin: `closed` is what becomes of closed ports."""

    closed = ""

    def withstand(self, kind):
        with WORLD.guarded(self.closed), contextlib.ExitStack() as running:
            started = [running.enter_context(server(WORLD.host)) for server in servers.ALL]
            with flood(kind):
                for server in started:
                    with self.subTest(server.name):
                        clients.use(WORLD.peer, server, clients.FEW)
            # Where rejects are over their limit, packets are dropped.
            met = WORLD.packets("closed", "drop") + WORLD.packets("closed", "reject")
            self.assertGreater(met, FEWEST_PACKETS)

    def test_udp_flood(self):
        self.withstand("udp")

    def test_syn_flood(self):
        self.withstand("syn")


class FloodsWithClosedPortsDropped(Floods, unittest.TestCase):
    closed = "drop"


class FloodsWithClosedPortsRejected(Floods, unittest.TestCase):
    closed = "reject"
