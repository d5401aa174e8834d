# SPDX-License-Identifier: BSD-2-Clause
"""From the first packet after listen(2) or bind(2) returns: the next system call of the same thread sends it from the
other namespace, sooner than any client that is told of it could."""
import socket
import struct
import unittest

from world import TIME_SCALE, WORLD

PORT = 7777
TIMES = 500
SECONDS = 5 * TIME_SCALE
TCPI_TOTAL_RETRANS = 100  # offset in struct tcp_info of linux/tcp.h

V4, V6 = WORLD.host.addresses
# Family of the listener, address that it is bound to, IPV6_V6ONLY, device binding, address that the client goes to.
SOCKETS = {
    "IPv4 wildcard": (socket.AF_INET, "0.0.0.0", 0, False, V4),
    "IPv4 address": (socket.AF_INET, V4, 0, False, V4),
    "IPv4 wildcard on the device": (socket.AF_INET, "0.0.0.0", 0, True, V4),
    "IPv6 alone": (socket.AF_INET6, "::", 1, False, V6),
    "IPv6 address": (socket.AF_INET6, V6, 0, False, V6),
    "dual-stack, IPv4 client": (socket.AF_INET6, "::", 0, False, V4),
    "dual-stack, IPv6 client": (socket.AF_INET6, "::", 0, False, V6),
    "dual-stack on the device": (socket.AF_INET6, "::", 0, True, V4),
}


def bound(kind, family, address, v6only, on_device):
    server = WORLD.host.socket(family, kind)
    server.settimeout(SECONDS)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    if on_device:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, WORLD.host.dev.encode() + b"\0")
    server.bind((address, PORT))
    return server


def client_to(kind, address):
    client = WORLD.peer.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    client.settimeout(SECONDS)
    return client


def retransmitted(client):
    """Packets of this connection that had to be sent again; none, when the very first SYN was heard."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCPI_TOTAL_RETRANS + 4)
    return struct.unpack_from("=I", info, TCPI_TOTAL_RETRANS)[0]


def reset_on_close(connection):
    """No TIME_WAIT is left, which would let the packets of the next round pass."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
    connection.close()


def connect_at_once(how, address):
    """Raises unless the connection stands and the server has accepted it; returns how many packets were sent twice."""
    with client_to(socket.SOCK_STREAM, address) as client, bound(socket.SOCK_STREAM, *how) as server:
        server.listen()
        client.connect((address, PORT))
        again = retransmitted(client)
        reset_on_close(server.accept()[0])
        return again


def send_at_once(how, address, data):
    """What the server receives of it."""
    with client_to(socket.SOCK_DGRAM, address) as client, bound(socket.SOCK_DGRAM, *how) as server:
        client.sendto(data, (address, PORT))
        return server.recv(64)


class FirstPacket:
    """A mixin: `closed` is what becomes of closed ports."""

    closed = ""

    def test_first_syn_is_heard(self):
        with WORLD.guarded(self.closed):
            for name, (*how, address) in SOCKETS.items():
                with self.subTest(name):
                    for _ in range(TIMES):
                        self.assertEqual(connect_at_once(how, address), 0)
                    self.expect_closed(address)

    def test_first_datagram_is_heard(self):
        with WORLD.guarded(self.closed):
            for name, (*how, address) in SOCKETS.items():
                with self.subTest(name):
                    for i in range(TIMES):
                        self.assertEqual(send_at_once(how, address, b"%d" % i), b"%d" % i)

    def test_first_answer_to_a_new_client_socket_is_heard(self):
        """The host as client: nothing but its own socket, bound by sending, says that the answer may come in."""
        with WORLD.guarded(self.closed):
            for near, far in zip(WORLD.host.addresses, WORLD.peer.addresses):
                family = socket.AF_INET6 if ":" in near else socket.AF_INET
                with WORLD.peer.socket(family, socket.SOCK_DGRAM) as server:
                    server.bind((far, PORT))
                    for _ in range(TIMES):
                        self.ask(family, server, (far, PORT))

    def ask(self, family, server, address):
        with WORLD.host.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(SECONDS)
            client.sendto(b"question", address)
            server.sendto(b"answer", server.recvfrom(64)[1])
            self.assertEqual(client.recv(64), b"answer")

    def expect_closed(self, address):
        """What the host does now that the socket is gone: a SYN is refused, or not answered at all."""
        before = WORLD.packets("closed", self.closed)
        with client_to(socket.SOCK_STREAM, address) as client:
            client.settimeout(SECONDS if self.closed == "reject" else 0.3)
            with self.assertRaises(ConnectionRefusedError if self.closed == "reject" else TimeoutError):
                client.connect((address, PORT))
        self.assertGreater(WORLD.packets("closed", self.closed), before)


class FirstPacketWithClosedPortsDropped(FirstPacket, unittest.TestCase):
    closed = "drop"


class FirstPacketWithClosedPortsRejected(FirstPacket, unittest.TestCase):
    closed = "reject"


class TheFirstPacketTests(unittest.TestCase):
    def test_notice_a_first_packet_that_is_lost(self):
        """Deliberately wrong: without host mode the port of a new socket is closed."""
        *how, address = SOCKETS["IPv4 wildcard"]
        with WORLD.guarded("reject", "--no-host"), self.assertRaises(ConnectionRefusedError):
            connect_at_once(how, address)
