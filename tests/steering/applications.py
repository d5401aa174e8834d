# SPDX-License-Identifier: BSD-2-Clause
"""Who answers: servers on AF_XDP and on the kernel's sockets; and who asks: many flows, which spread over the queues."""
import os
import selectors
import signal
import socket
import subprocess
import threading

from world import TIME_SCALE, WORLD

XSK_ECHO = os.environ.get("XDEMUX_XSK_ECHO", "xsk_echo")
SO_RCVBUFFORCE = 33  # socket(7); Python has no name for it
KERNEL = b"kernel:"  # what the kernel's servers put in front


class XskEcho:
    """The example, under a name and on some queues."""

    def __init__(self, name, *queues):
        self.name, self.queues, self.process = name, queues, None

    def start(self):
        self.process = subprocess.Popen(
            WORLD.host.command(XSK_ECHO, WORLD.instance, self.name, WORLD.host.dev, *map(str, self.queues)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if (said := self.process.stdout.readline()) != "serving\n":
            raise RuntimeError(f"{self.name}: {said}{self.process.communicate()[0]}")
        return self

    def end(self, how):
        """What it said last."""
        self.process.send_signal(how)
        said = self.process.communicate(timeout=20 * TIME_SCALE)[0]
        self.process = None
        return said

    def kill(self):
        self.end(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        if self.process:
            self.end(signal.SIGTERM)


class KernelServers:
    """UDP servers on sockets of the host, both families on each port."""

    def __init__(self, *ports):
        self.selector, self.ended = selectors.DefaultSelector(), threading.Event()
        for port in ports:
            server = WORLD.host.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 23)  # for all flows at once
            server.bind(("::", port))
            server.setblocking(False)
            self.selector.register(server, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.is_set():
            for key, _ in self.selector.select(timeout=0.05):
                data, sender = key.fileobj.recvfrom(65536)
                key.fileobj.sendto(KERNEL + data, sender)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.ended.set()
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


class Flows:
    """Clients of one port: so many of each family, that the kernel's hash spreads them over the queues."""

    EACH = 24

    def __init__(self, port, size=32):
        self.port, self.clients = port, []
        self.requests = {}
        for address, family in zip(WORLD.host.addresses, (socket.AF_INET, socket.AF_INET6)):
            for number in range(self.EACH):
                client = WORLD.peer.socket(family, socket.SOCK_DGRAM)
                client.connect((address, port))
                self.clients.append(client)
                self.requests[client] = f"{port} {number} ".encode().ljust(size, b".")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for client in self.clients:
            client.close()

    def __len__(self):
        return len(self.clients)

    def ask(self):
        """Each asks once; who was answered by the echo. Raises where an answer is wrong, or there is none."""
        answers = self.exchange(10 * TIME_SCALE)
        if missing := len(self) - len(answers):
            raise AssertionError(f"port {self.port}: {missing} of {len(self)} got no answer")
        return {client for client, echo in answers.items() if echo}

    def exchange(self, patience):
        """Each asks once; of those that got an answer, before so many seconds passed without any: was it the echo?"""
        answers = {}
        with selectors.DefaultSelector() as selector:
            for client in self.clients:
                selector.register(client, selectors.EVENT_READ)
                client.send(self.requests[client])
            while len(answers) < len(self) and (ready := selector.select(patience)):
                for key, _ in ready:
                    answers[key.fileobj] = self.is_echo(key.fileobj)
        return answers

    def is_echo(self, client):
        answer = client.recv(65536)
        if answer not in (self.requests[client], KERNEL + self.requests[client]):
            raise AssertionError(f"port {self.port}: {self.requests[client]} was answered by {answer}")
        return not answer.startswith(KERNEL)
