# SPDX-License-Identifier: BSD-2-Clause
"""What goes on around xdemux while it soaks: a service and its clients, a flood of everything, and changes of listeners,
flows, guards and settings. Each runs in a thread of its own until told to stop, and keeps what went wrong.
"""
import collections
import random
import socket
import subprocess
import sys
import threading
import time

import own
from world import TIME_SCALE, WORLD, run

PORT = 7777
PAUSE = 0.0005  # seconds between two bursts
BURST = 16


class Worker(threading.Thread):
    """Calls step() until stopped; an exception ends it, and is kept."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopped, self.error, self.rounds = threading.Event(), None, 0

    def step(self):
        raise NotImplementedError

    def run(self):
        try:
            while not self.stopped.is_set():
                self.step()
                self.rounds += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def stop(self):
        self.stopped.set()
        self.join()
        if self.error:
            raise AssertionError(f"{type(self).__name__} failed in round {self.rounds}: {self.error!r}")


class Service:
    """Echoes a byte over TCP and UDP, both families, in a process of its own on the host's side."""

    PROGRAM = f"""
import selectors, socket
choices = selectors.DefaultSelector()
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    end = socket.socket(socket.AF_INET6, kind)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    end.bind(("::", {PORT}))
    if kind == socket.SOCK_STREAM:
        end.listen(512)
    choices.register(end, selectors.EVENT_READ, kind)
print("ready", flush=True)
while True:
    for key, _ in choices.select():
        if key.data == socket.SOCK_DGRAM:
            key.fileobj.sendto(*key.fileobj.recvfrom(9))
        else:
            peer, _ = key.fileobj.accept()
            with peer:
                peer.settimeout({5 * TIME_SCALE})
                peer.sendall(peer.recv(1))
"""

    def __enter__(self):
        self.process = subprocess.Popen(WORLD.host.command(sys.executable, "-c", self.PROGRAM), stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Clients(Worker):
    """A connection or datagram after the other; every one must be answered."""

    def step(self):
        for address in WORLD.host.addresses:
            for protocol in ("tcp", "udp"):
                self.exchange(protocol, address)
        time.sleep(0.002)

    def exchange(self, protocol, address):
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        with WORLD.peer.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as client:
            client.settimeout(5 * TIME_SCALE)
            client.connect((address, PORT))
            client.send(b"?")
            if client.recv(1) != b"?":
                raise RuntimeError(f"{protocol} {address}: no answer")


class Flood(Worker):
    """Frames of every kind, to open and closed ports, with right and wrong headers."""

    def __init__(self, seed):
        super().__init__()
        mac = bytes.fromhex(WORLD.host.mac().replace(":", ""))
        self.random, self.frames = random.Random(seed), [mac + frame[6:] for frame in own.frames()]
        self.wire = WORLD.peer.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.wire.bind((WORLD.peer.dev, 0))
        self.sent = 0

    def step(self):
        for frame in self.random.sample(self.frames, BURST):
            changed = bytearray(frame)
            if self.random.random() < 0.2:
                changed[self.random.randrange(12, len(frame))] = self.random.randrange(256)
            try:
                self.wire.send(changed)
                self.sent += 1
            except OSError:  # no room: not sent, and not counted by the device
                pass
        time.sleep(PAUSE)


class Churn(Worker):
    """Changes, each undone by a later one, so that a round ends where it began. The service's own port stays open."""

    ROUND = (
        ("listener", "add", "tcp", "*:80", "--name", "web"),
        ("listener", "add", "udp", "192.0.2.1:53", "--to", "drop", "--from", "10.0.0.0/8,2001:db8::/32", "--rate", "100"),
        ("listener", "add", "tcp", "203.0.113.0/24:8000-8099", "--to", "reject"),
        ("flow", "add", "tcp", "192.0.2.1:80", "192.0.2.2:40000", "--to", "drop"),
        ("listener", "replace", "udp", f"*:{PORT}", "--to", "cpu:0-1,queue=4096", "--name", "echo"),
        ("group", "add", "spread", "cpu:0,queue=4096", "cpu:1,queue=4096", "--sticky"),
        ("listener", "replace", "udp", f"*:{PORT}", "--to", "group:spread", "--name", "echo"),
        ("set", "--closed", "reject", "--force"),
        ("group", "set", "spread", "cpu:0,queue=4096=0"),
        ("listener", "replace", "tcp", "*:80", "--to", "drop", "--force"),
        ("set", "--monitor", "--force"),
        ("flow", "add", "udp", "[2001:db8::1]:53", "[2001:db8::2]:40000"),
        ("set", "--enforce", "--closed", "drop", "--force"),
        ("group", "set", "spread", "cpu:0,queue=4096=3", "--remove", "cpu:1,queue=4096"),
        # From a port that no client gets, whose own flow would be in the way.
        ("flow", "add", "udp", f"192.0.2.1:{PORT}", "192.0.2.2:101", "--to", "cpu:1"),
        ("listener", "del", "tcp", "203.0.113.0/24:8000-8099"),
        ("listener", "replace", "udp", f"*:{PORT}", "--name", "echo"),
        ("flow", "flush"),
        ("group", "del", "spread"),
        ("listener", "del", "udp", "192.0.2.1:53"),
        ("listener", "del", "tcp", "*:80"),
    )

    def __init__(self, group):
        super().__init__()
        self.group, self.memory, self.changes = group, [], collections.Counter()

    def step(self):
        for command in self.ROUND:
            run(*WORLD.tool(), *command, preexec_fn=self.group.enter)
            self.changes[" ".join(command[:2])] += 1
        self.memory.append(self.group.kernel_memory())
