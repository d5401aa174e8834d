# SPDX-License-Identifier: BSD-2-Clause
"""The host as client: what it asks of others comes back, though it listens on nothing itself."""
import unittest

import clients
import servers
from world import TIME_SCALE, WORLD


class Outbound:
    """A mixin: `closed` is what becomes of closed ports."""

    closed = ""

    def ask(self, kind):
        with WORLD.guarded(self.closed), kind(WORLD.peer) as server:
            clients.use(WORLD.host, server)

    def test_connections(self):
        self.ask(servers.Nginx)

    def test_dns_queries(self):
        self.ask(servers.Dns)

    def test_a_refusal_comes_back_too(self):
        """A reset and port unreachable are what tells the host's clients not to wait."""
        with WORLD.guarded(self.closed):
            for address in WORLD.peer.addresses:
                for protocol in ("tcp", "udp"):
                    with self.subTest(f"{protocol} {address}"), self.assertRaises(ConnectionRefusedError):
                        WORLD.host.exchange(protocol, (address, 9), seconds=5 * TIME_SCALE)


class OutboundWithClosedPortsDropped(Outbound, unittest.TestCase):
    closed = "drop"


class OutboundWithClosedPortsRejected(Outbound, unittest.TestCase):
    closed = "reject"
