# SPDX-License-Identifier: BSD-2-Clause
"""Groups under traffic: who gets how much, that a change loses nothing, and that live flows stay where they are."""
import contextlib
import json
import socket
import threading
import unittest

from world import TIME_SCALE, WORLD, RunFailed, wait_for

PORT = 7100
FLOWS = 300
FIVE_SIGMA = 5 * (FLOWS * 0.25 * 0.75) ** 0.5


@contextlib.contextmanager
def enforced(*commands):
    """Enforce mode after these commands, the rest as ever."""
    with WORLD.guarded("pass"):
        for command in commands:
            WORLD.xdemux(*command.split())
        yield


def target(text):
    rows = json.loads(WORLD.xdemux("target", "list", "--json"))["targets"]
    return next(row for row in rows if row["target"] == text)


def members(group):
    rows = json.loads(WORLD.xdemux("group", "list", "--json"))["groups"]
    return {row["target"]: row for row in next(row for row in rows if row["name"] == group)["members"]}


def kept():
    rows = json.loads(WORLD.xdemux("flow", "list", "--json"))["flows"]
    return {(row["target"], row["state"]) for row in rows}


class Echo:
    """Answers datagrams, or what comes over each connection, on PORT of the host."""

    def __init__(self, kind):
        self.server = WORLD.host.socket(socket.AF_INET, kind)
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind((WORLD.host.ipv4, PORT))
        if kind == socket.SOCK_STREAM:
            self.server.listen()
        self.thread = threading.Thread(target=self.answer if kind == socket.SOCK_DGRAM else self.accept, daemon=True)

    def answer(self):
        with contextlib.suppress(OSError):
            while True:
                self.server.sendto(*self.server.recvfrom(2048))

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.server.accept()[0],), daemon=True).start()

    @staticmethod
    def serve(connection):
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(2048):
                connection.sendall(data)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown(socket.SHUT_RDWR) if self.server.type == socket.SOCK_STREAM else None
        self.server.close()


def client(kind):
    sender = WORLD.peer.socket(socket.AF_INET, kind)
    sender.settimeout(5 * TIME_SCALE)
    sender.connect((WORLD.host.ipv4, PORT))
    return sender


def ask(sender, text=b"hello"):
    sender.send(text)
    return sender.recv(2048) == text


class Groups(unittest.TestCase):
    def ask_as_many(self):
        for _ in range(FLOWS):
            with client(socket.SOCK_DGRAM) as sender:
                self.assertTrue(ask(sender))

    def test_members_get_their_shares(self):
        with enforced("group add web cpu:0=3 cpu:1=1", f"listener add udp *:{PORT} --to group:web"), Echo(socket.SOCK_DGRAM):
            self.ask_as_many()
            got = {name: members("web")[name]["packets"] for name in ("cpu:0", "cpu:1")}
            self.assertEqual(sum(got.values()), FLOWS)
            self.assertLess(abs(got["cpu:1"] - FLOWS / 4), FIVE_SIGMA)

    def test_listeners_that_share_an_endpoint_share_its_flows(self):
        listen = f"listener add udp *:{PORT} --reuseport"
        with enforced(f"{listen} --to cpu:0 --name a", f"{listen} --to cpu:1 --name b"), Echo(socket.SOCK_DGRAM):
            self.ask_as_many()
            got = {name: target(name)["packets"] for name in ("cpu:0", "cpu:1")}
            self.assertEqual(sum(got.values()), FLOWS)
            self.assertLess(abs(got["cpu:0"] - FLOWS / 2), FIVE_SIGMA * 1.2)
            WORLD.xdemux("listener", "del", "udp", f"*:{PORT}", "--name", "a")
            self.ask_as_many()
            self.assertEqual(target("cpu:1")["packets"], got["cpu:1"] + FLOWS)

    def test_a_change_under_traffic_loses_nothing(self):
        ended, asked = threading.Event(), [0]

        def use():
            with client(socket.SOCK_DGRAM) as sender:
                while not ended.is_set():
                    self.assertTrue(ask(sender))
                    asked[0] += 1

        # Whoever falls back is dropped, and its client stops.
        with enforced("group add web cpu:0 cpu:1,fallback=drop --fallback drop", f"listener add udp *:{PORT} --to group:web"), \
                Echo(socket.SOCK_DGRAM):
            thread = threading.Thread(target=use)
            thread.start()
            try:
                for change in ("cpu:0=0", "cpu:0=5 --remove cpu:1,fallback=drop", "cpu:1,fallback=drop=9", "cpu:0=1") * 5:
                    before = asked[0]
                    WORLD.xdemux("group", "set", "web", *change.split())
                    wait_for(lambda: asked[0] > before + 1, "no answers any more")
            finally:
                ended.set()
                thread.join()
            self.assertEqual(WORLD.packets("target_fallback", "drop"), 0)

    def test_a_drained_member_keeps_its_live_connections(self):
        with enforced("group add web cpu:0 --sticky", f"listener add tcp *:{PORT} --to group:web"), Echo(socket.SOCK_STREAM):
            with client(socket.SOCK_STREAM) as live:
                self.assertTrue(ask(live))
                WORLD.xdemux("group", "set", "web", "cpu:0=0", "cpu:1=1")
                before = target("cpu:1")["packets"]
                for _ in range(10):
                    self.assertTrue(ask(live))
                self.assertEqual(target("cpu:1")["packets"], before)
                self.assertEqual(members("web")["cpu:0"]["flows"], 1)
                # Out of the group, but not out of its flow's reach: it goes with that.
                WORLD.xdemux("group", "set", "web", "--remove", "cpu:0")
                self.assertTrue(ask(live))
                self.assertEqual(target("cpu:1")["packets"], before)
                with client(socket.SOCK_STREAM) as new:
                    self.assertTrue(ask(new))
                self.assertGreater(target("cpu:1")["packets"], before)
            wait_for(lambda: kept() == {("cpu:0", "TIME-WAIT"), ("cpu:1", "TIME-WAIT")}, f"two ended flows: {kept()}")
            with self.assertRaisesRegex(RunFailed, "exit code 4\n.*in use by listener tcp"):
                WORLD.xdemux("group", "del", "web")
            WORLD.xdemux("flow", "flush")
            names = {row["target"] for row in json.loads(WORLD.xdemux("target", "list", "--json"))["targets"]}
            self.assertEqual(names, {"cpu:1", "group:web"})

    def test_without_sticky_they_go_with_the_table(self):
        with enforced("group add web cpu:0", f"listener add tcp *:{PORT} --to group:web"), Echo(socket.SOCK_STREAM):
            with client(socket.SOCK_STREAM) as live:
                self.assertTrue(ask(live))
                WORLD.xdemux("group", "set", "web", "cpu:0=0", "cpu:1=1")
                self.assertTrue(ask(live))
                self.assertGreater(target("cpu:1")["packets"], 0)
