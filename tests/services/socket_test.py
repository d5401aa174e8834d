# SPDX-License-Identifier: BSD-2-Clause
"""One server for a whole prefix and a thousand ports, by one registered socket: loader/examples/socket_server.py."""
import contextlib
import itertools
import json
import os
import shlex
import signal
import socket
import subprocess
import threading
import unittest

import servers
from world import TIME_SCALE, WORLD, RunFailed, run, wait_for

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "loader", "examples", "socket_server.py")
PREFIX4, PREFIX6 = "203.0.113.0/24", "2001:db8:113::/64"
PORTS = range(8000, 9000)
ADDRESSES4 = [f"203.0.113.{last}" for last in range(256)]


class Example:
    """A process of the example; it has registered its socket once it is here."""

    def __init__(self, name, *options):
        said = os.path.join(WORLD.folder("socket-server"), "said")
        with open(said, "wb") as output:
            self.process = subprocess.Popen(
                WORLD.host.command(EXAMPLE, name, "--xdemux", shlex.join(WORLD.tool()), *options),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        def registered():
            if self.process.poll() is not None:
                with open(said, errors="replace") as text:
                    raise RuntimeError(f"the example ended: {text.read()}")
            return any((row["process"] or {}).get("pid") == self.process.pid for row in listed())
        wait_for(registered, "the example is not registered")

    def end(self, by=signal.SIGTERM):
        self.process.send_signal(by)
        self.process.wait(20 * TIME_SCALE)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)


def listed():
    return json.loads(WORLD.xdemux("socket", "list", "--json"))["sockets"]


def request(address, port):
    """A client that has asked over HTTP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = WORLD.peer.socket(family, socket.SOCK_STREAM)
    client.settimeout(5 * TIME_SCALE)
    client.connect((address, port))
    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return client


def answer(client):
    """What the server says: where it was asked, and its process number."""
    asked, pid = client.makefile("rb").read().decode().split("\r\n\r\n")[1].split(" by ")
    return asked, int(pid)


def fetch(address, port):
    with request(address, port) as client:
        return answer(client)


def ask(address, port):
    """The same over UDP; a connected socket hears an answer from elsewhere not at all."""
    with WORLD.peer.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5 * TIME_SCALE)
        client.connect((address, port))
        client.send(b"?")
        asked, pid = client.recv(2048).decode().split(" by ")
    return asked, int(pid)


class Sockets(unittest.TestCase):
    def setUp(self):
        run("ip", "-n", WORLD.host.name, "route", "add", "local", PREFIX4, "dev", "lo")
        run("ip", "-n", WORLD.host.name, "route", "add", "local", PREFIX6, "dev", "lo")
        run("ip", "-n", WORLD.peer.name, "route", "add", PREFIX4, "via", WORLD.host.ipv4)
        run("ip", "-n", WORLD.peer.name, "route", "add", PREFIX6, "via", WORLD.host.ipv6)
        WORLD.xdemux("attach", WORLD.host.dev, "--enforce", "--closed", "reject")

    def tearDown(self):
        WORLD.leave()
        for end, prefix in itertools.product((WORLD.host, WORLD.peer), (PREFIX4, PREFIX6)):
            subprocess.run(("ip", "-n", end.name, "route", "flush", "table", "all", "root", prefix), capture_output=True)

    def listen(self, endpoint, target, protocol="tcp", verb="add"):
        WORLD.xdemux("listener", verb, protocol, endpoint, "--to", target)

    def counted(self, name):
        row, = (row for row in listed() if row["name"] == name)
        return row["packets"], row["fallback_packets"]

    def test_one_http_server_answers_a_prefix_and_a_thousand_ports(self):
        self.listen(f"{PREFIX4}:{PORTS[0]}-{PORTS[-1]}", "socket:web")
        self.listen(f"[{PREFIX6}]:{PORTS[0]}-{PORTS[-1]}", "socket:web")
        with Example("web") as example:
            asked = [(address, PORTS[0]) for address in ADDRESSES4]
            asked += [("203.0.113.77", port) for port in PORTS]
            asked += [(f"2001:db8:113::{last:x}", PORTS[last]) for last in range(1, 100)]
            for address, port in asked:
                host = f"[{address}]" if ":" in address else address
                self.assertEqual(fetch(address, port), (f"{host}:{port}", example.process.pid))
            self.assertEqual(self.counted("web"), (len(asked), 0))
            with self.assertRaises(ConnectionRefusedError):
                fetch("203.0.113.77", PORTS[-1] + 1)
            with self.assertRaises(ConnectionRefusedError):
                fetch(WORLD.host.ipv4, PORTS[0])

    def test_one_udp_server_answers_a_prefix_and_a_thousand_ports(self):
        self.listen(f"{PREFIX4}:{PORTS[0]}-{PORTS[-1]}", "socket:dns", "udp")
        with Example("dns", "--udp") as example:
            asked = [(address, PORTS[0]) for address in ADDRESSES4] + [("203.0.113.77", port) for port in PORTS]
            for address, port in asked:
                self.assertEqual(ask(address, port), (f"{address}:{port}", example.process.pid))
            self.assertEqual(self.counted("dns"), (len(asked), 0))
            with self.assertRaises(ConnectionRefusedError):
                ask("203.0.113.77", PORTS[-1] + 1)

    def test_a_restart_hands_over_without_a_refused_connection(self):
        self.listen(f"{PREFIX4}:80", "socket:web")
        answered, failed, ended = [], [], threading.Event()

        def client():
            for address in itertools.cycle(ADDRESSES4):
                if ended.is_set():
                    return
                try:
                    answered.append(fetch(address, 80)[1])
                except (OSError, ValueError, IndexError) as error:
                    failed.append(error)

        clients = [threading.Thread(target=client) for _ in range(4)]
        example = Example("web")
        try:
            for thread in clients:
                thread.start()
            pids = [example.process.pid]
            for _ in range(3):
                seen = len(answered)
                wait_for(lambda: len(answered) > seen + 50 or failed, "the clients are not answered")
                successor = Example("web")
                example.end()
                example = successor
                pids.append(example.process.pid)
            seen = len(answered)
            wait_for(lambda: len(answered) > seen + 50 or failed, "the clients are not answered")
        finally:
            ended.set()
            for thread in clients:
                thread.join()
            example.end(signal.SIGKILL)
        self.assertEqual(failed, [])
        self.assertEqual(list(dict.fromkeys(answered)), pids, "each had its turn")
        self.assertEqual(self.counted("web"), (len(answered), 0))

    def test_who_came_before_a_restart_is_answered_by_the_old_server(self):
        self.listen(f"{PREFIX4}:80", "socket:web")
        with Example("web") as old:
            # So slow that its successor is there before it has looked at those who wait.
            old.process.send_signal(signal.SIGSTOP)
            with contextlib.ExitStack() as open_ones:
                waiting = [open_ones.enter_context(request(address, 80)) for address in ADDRESSES4[1:9]]
                with Example("web") as new:
                    self.assertEqual(fetch("203.0.113.99", 80)[1], new.process.pid)
                    old.process.send_signal(signal.SIGTERM)
                    old.process.send_signal(signal.SIGCONT)
                    self.assertEqual([answer(client) for client in waiting],
                                     [(f"{address}:80", old.process.pid) for address in ADDRESSES4[1:9]])
                    self.assertEqual(old.process.wait(20 * TIME_SCALE), 0)
                    self.assertEqual(fetch("203.0.113.99", 80)[1], new.process.pid)

    def test_a_killed_server_falls_back(self):
        self.listen(f"{PREFIX4}:80", "socket:web")
        self.listen(f"{PREFIX4}:81", "socket:strict,fallback=reject")
        with Example("web") as web, Example("strict") as strict, servers.Nginx(WORLD.host):
            self.assertEqual(fetch("203.0.113.1", 80)[1], web.process.pid)
            self.assertEqual(fetch("203.0.113.1", 81)[1], strict.process.pid)
            for example in (web, strict):
                example.end(signal.SIGKILL)
            # What passes finds the host's own server, which listens on all addresses.
            self.assertEqual(WORLD.peer.run("curl", "-sf", "http://203.0.113.1:80/"), "hello\n")
            with self.assertRaises(ConnectionRefusedError):
                fetch("203.0.113.1", 81)
        self.assertEqual(self.counted("web"), (1, 1))
        self.assertEqual(self.counted("strict"), (1, 1))
        self.assertEqual([row["cookie"] for row in listed()], [None, None])

    def test_what_systemd_passes_is_registered_by_its_name(self):
        self.listen(f"{PREFIX4}:80", "socket:web")
        with WORLD.host.socket(socket.AF_INET6, socket.SOCK_STREAM) as one, \
                WORLD.host.socket(socket.AF_INET6, socket.SOCK_STREAM) as other:
            for each in (one, other):
                each.bind(("", 0))
                each.listen()
            def register(name, names, count=2):
                # The command becomes the tool, whose process number LISTEN_PID must be.
                script = f'exec 3<&{one.fileno()} 4<&{other.fileno()}; LISTEN_PID=$$ exec "$@"'
                return run("bash", "-c", script, "-", *WORLD.tool(), "socket", "register", name, "--listen-fds",
                           pass_fds=(one.fileno(), other.fileno()),
                           env={**os.environ, "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names})
            register("web", "other:web")
            row, = listed()
            self.assertEqual(row["local"]["port"], other.getsockname()[1])
            register("web", "", count=1)
            row, = listed()
            self.assertEqual(row["local"]["port"], one.getsockname()[1])
            with self.assertRaisesRegex(RunFailed, 'none of the 2 passed sockets is named "web"'):
                register("web", "a:b")
            with self.assertRaisesRegex(RunFailed, 'several of the passed sockets are named "web"'):
                register("web", "web:web")
            with self.assertRaisesRegex(RunFailed, "the service manager passed no sockets"):
                WORLD.xdemux("socket", "register", "web", "--listen-fds")

    def test_notices_when_nothing_is_delivered(self):
        """The one deliberately wrong case: in monitor mode the kernel decides alone."""
        self.listen(f"{PREFIX4}:80", "socket:web")
        with Example("web"):
            fetch("203.0.113.1", 80)
            WORLD.xdemux("set", "--monitor")
            with self.assertRaises(ConnectionRefusedError):
                fetch("203.0.113.1", 80)
            WORLD.xdemux("set", "--enforce")
            fetch("203.0.113.1", 80)
