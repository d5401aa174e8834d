# SPDX-License-Identifier: BSD-2-Clause
"""Servers that come and go while xdemux is attached, and whom no port was configured for."""
import unittest

import clients
import servers
from world import WORLD, RunFailed


class Lifetimes:
    """A mixin: each server with its clients, `closed` being what becomes of closed ports."""

    closed = ""

    def live_and_die(self, kind):
        server = kind(WORLD.host)
        with WORLD.guarded(self.closed):
            for parallel in (clients.PARALLEL, clients.FEW):
                with server:
                    clients.use(WORLD.peer, server, parallel)
                self.expect_closed(server)

    def expect_closed(self, server):
        """Else the test would pass without xdemux."""
        before = WORLD.packets("closed", self.closed)
        with self.assertRaises((ConnectionRefusedError, TimeoutError)):
            WORLD.peer.exchange(server.protocol, (server.end.ipv4, server.port))
        self.assertGreater(WORLD.packets("closed", self.closed), before)

    def test_ssh(self):
        self.live_and_die(servers.Ssh)

    def test_nginx(self):
        self.live_and_die(servers.Nginx)

    def test_dns(self):
        self.live_and_die(servers.Dns)

    def test_redis(self):
        self.live_and_die(servers.Redis)

    def test_postgres(self):
        self.live_and_die(servers.Postgres)


class ServersWithClosedPortsDropped(Lifetimes, unittest.TestCase):
    closed = "drop"


class ServersWithClosedPortsRejected(Lifetimes, unittest.TestCase):
    closed = "reject"


class TheTests(unittest.TestCase):
    def test_notice_when_a_server_is_cut_off(self):
        """The one deliberately wrong case: without host mode a server's port is closed."""
        with WORLD.guarded("reject", "--no-host"), servers.Nginx(WORLD.host) as server:
            with self.assertRaises((RunFailed, clients.Refused)):
                clients.use(WORLD.peer, server, parallel=2)
