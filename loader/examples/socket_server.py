#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""One server for many addresses and ports, by one socket.

It listens on a port that the kernel chooses, registers the socket with `xdemux socket register`, and answers, over HTTP
or UDP, with the address and port that the client asked for and with its own process number. Listeners lead to it:

    ip route add local 203.0.113.0/24 dev lo
    xdemux listener add tcp 203.0.113.0/24:8000-8999 --to socket:web
    socket_server.py web

To replace it without refusing a connection, start its successor, then end it (SIGTERM): it answers who came before.
"""
import argparse
import math
import os
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time

DRAIN_SECONDS = 1.0  # without a client, and the server ends
DRAIN_LIMIT = 5.0  # ends it also where it has no successor
IP_RECVORIGDSTADDR = IP_ORIGDSTADDR = getattr(socket, "IP_RECVORIGDSTADDR", 20)
ADDRESS = struct.Struct("!2xH4s8x")  # struct sockaddr_in


def text_of(address):
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answer_of(address):
    return f"{text_of(address)} by {os.getpid()}\n".encode()


class Http:
    """Both families."""

    def __init__(self):
        self.socket = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)

    def serve_one(self):
        connection, _ = self.socket.accept()
        with connection:
            connection.settimeout(DRAIN_SECONDS)
            connection.recv(4096)
            # The connection's own address is the one that the client asked for.
            asked = connection.getsockname()
            body = answer_of((asked[0].removeprefix("::ffff:"), asked[1]))
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


class Udp:
    """IPv4. The answer must come from where the question went: from a socket that is bound there for a moment, since
    this one has another port."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.IPPROTO_IP, IP_RECVORIGDSTADDR, 1)
        self.socket.bind(("", 0))

    def serve_one(self):
        _, control, _, client = self.socket.recvmsg(2048, 256)
        for level, kind, data in control:
            if (level, kind) != (socket.IPPROTO_IP, IP_ORIGDSTADDR):
                continue
            port, host = ADDRESS.unpack(data)
            asked = (socket.inet_ntoa(host), port)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sender.bind(asked)
                sender.sendto(answer_of(asked), client)


def serve(server, ended):
    """Until `ended` is readable, and then until nobody has come for a second: who was waiting is answered."""
    patience, deadline = None, math.inf
    server.socket.setblocking(False)
    while time.monotonic() < deadline:
        ready, _, _ = select.select((server.socket, ended) if patience is None else (server.socket,), (), (), patience)
        if ended in ready:
            patience, deadline = DRAIN_SECONDS, time.monotonic() + DRAIN_LIMIT
            continue
        if not ready:
            return
        try:
            server.serve_one()
        except OSError:
            pass  # a client that went away


def ended_by_signal():
    """Becomes readable with SIGTERM, which interrupts nothing."""
    ended, written = socket.socketpair()
    written.setblocking(False)
    signal.set_wakeup_fd(written.detach())
    signal.signal(signal.SIGTERM, lambda *unused: None)
    return ended


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="as in --to socket:NAME")
    parser.add_argument("--udp", action="store_true", help="UDP instead of HTTP")
    parser.add_argument("--xdemux", default="xdemux", help="the tool, with what it needs to find its instance")
    arguments = parser.parse_args()
    ended = ended_by_signal()
    server = Udp() if arguments.udp else Http()
    fd = server.socket.fileno()
    command = (*shlex.split(arguments.xdemux), "socket", "register", arguments.name, "--fd", str(fd))
    if (done := subprocess.run(command, pass_fds=(fd,))).returncode != 0:
        return done.returncode
    serve(server, ended)
    return 0


if __name__ == "__main__":
    sys.exit(main())
