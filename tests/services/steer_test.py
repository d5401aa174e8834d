# SPDX-License-Identifier: BSD-2-Clause
"""Packets that are handed over: to another CPU, to another device; and what stands in where that cannot be."""
import concurrent.futures
import contextlib
import json
import os
import socket
import subprocess
import unittest

from world import PASS, TIME_SCALE, WORLD, Host, RunFailed, run, wait_for

SO_INCOMING_CPU = 49  # socket(7); Python has no name for it
HOT, COLD, AWAY = 7001, 7002, 7003
NEXT_MAC = "02:00:00:00:00:77"


@contextlib.contextmanager
def on_cpu(cpu):
    """What this thread sends over a veth is received on the CPU that it runs on."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@contextlib.contextmanager
def enforced(*listeners):
    """Enforce mode with these listeners, the rest as ever."""
    with WORLD.guarded("pass"):
        for listener in listeners:
            WORLD.xdemux("listener", "add", *listener)
        yield


def target(text):
    rows = json.loads(WORLD.xdemux("target", "list", "--json"))["targets"]
    return next(row for row in rows if row["target"].split(",")[0] == text)


def cpu_of(port, family, address, messages=20):
    """On which CPU the host's stack sees a connection whose peer sends from CPU 0."""
    with WORLD.host.socket(family, socket.SOCK_STREAM) as server, WORLD.peer.socket(family, socket.SOCK_STREAM) as client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("", port))
        server.listen()
        client.settimeout(10 * TIME_SCALE)
        with on_cpu(0):
            client.connect((address, port))
            with server.accept()[0] as connection:
                for _ in range(messages):
                    client.send(b"x" * 100)
                    connection.recv(1000)
                return connection.getsockopt(socket.SOL_SOCKET, SO_INCOMING_CPU)


@contextlib.contextmanager
def checksums_left_to_the_device():
    """As veth has it unless told otherwise: the peer's packets arrive without them."""
    WORLD.peer.run("ethtool", "-K", WORLD.peer.dev, "tx", "on")
    try:
        yield
    finally:
        WORLD.peer.run("ethtool", "-K", WORLD.peer.dev, "tx", "off")


def received_of(size, port, family, address):
    """How many bytes the host reads of `size` that its peer sends over TCP."""
    with WORLD.host.socket(family, socket.SOCK_STREAM) as server, WORLD.peer.socket(family, socket.SOCK_STREAM) as client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("", port))
        server.listen()
        client.settimeout(10 * TIME_SCALE)
        client.connect((address, port))
        with server.accept()[0] as connection, concurrent.futures.ThreadPoolExecutor(1) as sender:
            connection.settimeout(10 * TIME_SCALE)
            sent = sender.submit(lambda: (client.sendall(bytes(size)), client.shutdown(socket.SHUT_WR)))
            received = 0
            while data := connection.recv(1 << 16):
                received += len(data)
            sent.result()
            return received


class ToCpus(unittest.TestCase):
    def test_checksums_that_were_left_to_the_device_are_made_whole(self):
        for family, address in ((socket.AF_INET, WORLD.host.ipv4), (socket.AF_INET6, WORLD.host.ipv6)):
            with self.subTest(address=address), checksums_left_to_the_device(), \
                    enforced(("tcp", f"*:{HOT}", "--to", "cpu:1")):
                self.assertEqual(cpu_of(HOT, family, address), 1)
                self.assertEqual(target("cpu:1")["fallback_packets"], 0)
                # Segments of many buffers fall back, and arrive as well.
                self.assertEqual(received_of(1 << 20, HOT, family, address), 1 << 20)

    def test_a_hot_flow_leaves_its_cpu_and_the_others_stay(self):
        for family, address in ((socket.AF_INET, WORLD.host.ipv4), (socket.AF_INET6, WORLD.host.ipv6)):
            with self.subTest(address=address), enforced(("tcp", f"*:{HOT}", "--to", "cpu:1,queue=512")):
                self.assertEqual(cpu_of(HOT, family, address), 1)
                self.assertEqual(cpu_of(COLD, family, address), 0)
                row = target("cpu:1")
                self.assertGreater(row["packets"], 20)
                self.assertEqual((row["fallback_packets"], row["active"]), (0, True))

    def test_a_set_of_cpus_keeps_a_flow_together_and_uses_all(self):
        with enforced(("tcp", f"*:{HOT}", "--to", "cpu:0-1")):
            cpus = {cpu_of(HOT, socket.AF_INET, WORLD.host.ipv4, messages=5) for _ in range(24)}
        self.assertEqual(cpus, {0, 1})

    def test_a_cpu_that_is_not_there_is_refused(self):
        with enforced():
            with self.assertRaisesRegex(RunFailed, "exit code 5\n.*this machine has no CPU 900"):
                WORLD.xdemux("listener", "add", "tcp", f"*:{HOT}", "--to", "cpu:900")
            self.assertEqual(json.loads(WORLD.xdemux("target", "list", "--json"))["targets"], [])

    def test_targets_go_with_their_last_listener(self):
        with enforced(("tcp", f"*:{HOT}", "--to", "cpu:1"), ("udp", f"*:{HOT}", "--to", "cpu:1")):
            WORLD.xdemux("listener", "del", "tcp", f"*:{HOT}")
            self.assertEqual(target("cpu:1")["users"], 1)
            WORLD.xdemux("flow", "add", "udp", f"{WORLD.host.ipv4}:{HOT}", f"{WORLD.peer.ipv4}:9", "--to", "cpu:1")
            WORLD.xdemux("listener", "del", "udp", f"*:{HOT}")
            self.assertEqual(target("cpu:1")["users"], 1)
            WORLD.xdemux("flow", "flush")
            self.assertEqual(json.loads(WORLD.xdemux("target", "list", "--json"))["targets"], [])


class ToDevices(unittest.TestCase):
    """A third end behind a second device of the host, which has the host's address as well."""

    def setUp(self):
        self.next = Host(f"xdsvc-n{os.getpid()}", "xs3", WORLD.host.ipv4, WORLD.host.ipv6)
        run("ip", "netns", "add", self.next.name)
        self.addCleanup(lambda: subprocess.run(("ip", "netns", "del", self.next.name), capture_output=True))
        run("ip", "-n", WORLD.host.name, "link", "add", "xs2", "type", "veth",
            "peer", "name", "xs3", "netns", self.next.name)
        run("ip", "-n", self.next.name, "link", "set", "xs3", "address", NEXT_MAC)
        for end, dev in ((WORLD.host, "xs2"), (self.next, "xs3")):
            end.run("ethtool", "-K", dev, "tx", "off")
            run("ip", "-n", end.name, "link", "set", dev, "up")
        run("ip", "-n", self.next.name, "addr", "add", f"{self.next.ipv4}/24", "dev", "xs3")
        run("ip", "-n", self.next.name, "addr", "add", f"{self.next.ipv6}/64", "dev", "xs3", "nodad")
        # Redirected frames are received by an end with a program alone.
        run("ip", "-n", self.next.name, "link", "set", "dev", "xs3", "xdpdrv", "object", PASS, "section", "xdp.frags")

    def arrives_at(self, end, family, address):
        """Whether a datagram from the peer to `address` comes to a socket at `end`."""
        with end.socket(family, socket.SOCK_DGRAM) as server, WORLD.peer.socket(family, socket.SOCK_DGRAM) as client:
            server.bind((address, AWAY))
            server.settimeout(2 * TIME_SCALE)
            client.sendto(b"hello", (address, AWAY))
            try:
                return server.recv(100) == b"hello"
            except TimeoutError:
                return False

    def test_frames_go_to_the_next_host_with_its_mac(self):
        with enforced(("udp", f"*:{AWAY}", "--to", f"dev:xs2,mac={NEXT_MAC}")):
            self.assertTrue(self.arrives_at(self.next, socket.AF_INET, WORLD.host.ipv4))
            self.assertTrue(self.arrives_at(self.next, socket.AF_INET6, WORLD.host.ipv6))
            self.assertEqual(target("dev:xs2")["packets"], 2)

    def test_checksums_that_were_left_to_the_device_are_made_whole(self):
        with checksums_left_to_the_device(), enforced(("udp", f"*:{AWAY}", "--to", f"dev:xs2,mac={NEXT_MAC}")):
            self.assertTrue(self.arrives_at(self.next, socket.AF_INET, WORLD.host.ipv4))
            self.assertTrue(self.arrives_at(self.next, socket.AF_INET6, WORLD.host.ipv6))

    def test_a_new_name_follows_and_a_device_that_is_gone_falls_back(self):
        with enforced(("udp", f"*:{AWAY}", "--to", f"dev:xs2,mac={NEXT_MAC}")):
            for change in (("down",), ("name", "lan9"), ("up",)):
                run("ip", "-n", WORLD.host.name, "link", "set", "lan9" if change == ("up",) else "xs2", *change)
            wait_for(lambda: self.arrives_at(self.next, socket.AF_INET, WORLD.host.ipv4), "a datagram after the rename")
            self.assertIn("dev:lan9", WORLD.xdemux("listener", "list"))
            run("ip", "-n", WORLD.host.name, "link", "del", "lan9")
            self.assertTrue(self.arrives_at(WORLD.host, socket.AF_INET, WORLD.host.ipv4))
            row = target("dev:xs2")  # the name that it was added with
            self.assertEqual((row["active"], row["fallback_packets"]), (False, 1))
            self.assertIn("is gone", row["hindrance"])
            self.assertIn("is gone", WORLD.xdemux("status"))
            self.assertIn("is gone", WORLD.xdemux("doctor"))
            WORLD.xdemux("listener", "del", "udp", f"*:{AWAY}")
            self.assertEqual(json.loads(WORLD.xdemux("target", "list", "--json"))["targets"], [])

    def test_an_unknown_device_is_refused(self):
        with enforced():
            with self.assertRaisesRegex(RunFailed, 'exit code 5\n.*no interface "xs9"'):
                WORLD.xdemux("listener", "add", "udp", f"*:{AWAY}", "--to", "dev:xs9")
