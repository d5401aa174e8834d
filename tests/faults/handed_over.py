# SPDX-License-Identifier: BSD-2-Clause
"""Sockets of this process that commands are told of by its pid: one that listens, one of AF_XDP. Made when first asked
for, with the device that is there then.
"""
import ctypes
import mmap
import os
import socket
import struct

from world import LIBC, WORLD

AF_XDP, SOL_XDP = 44, 283  # linux/if_xdp.h; Python has no names for these
XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_COPY = 2, 4, 5, 6, 2
CHUNK, CHUNKS = 4096, 64


class HandedOver:
    def __init__(self):
        self.made, self.memory = {}, None

    def number(self, make, which=0):
        """The descriptor of the one of that number, in a form for the command line."""
        if (make, which) not in self.made:
            self.made[make, which] = make(which)
        return ("--pid", str(os.getpid()), "--fd", str(self.made[make, which].fileno()))

    def listening(self, which):
        server = WORLD.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.bind((WORLD.host.ipv4, 8080 + which))
        server.listen()
        return server

    def bound(self, queue):
        """An AF_XDP socket on the device's first queue, in copy mode; nobody reads what it gets."""
        xsk = WORLD.host.socket(AF_XDP, socket.SOCK_RAW)
        self.memory = mmap.mmap(-1, CHUNK * CHUNKS)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        xsk.setsockopt(SOL_XDP, XDP_UMEM_REG, struct.pack("=QQIIII", start, CHUNK * CHUNKS, CHUNK, 0, 0, 0))
        for ring in (XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING):
            xsk.setsockopt(SOL_XDP, ring, struct.pack("=i", CHUNKS))
        index = WORLD.host.index()
        address = struct.pack("=HHIII", AF_XDP, XDP_COPY, index, queue, 0)
        if LIBC.bind(xsk.fileno(), address, len(address)) != 0:
            raise OSError(ctypes.get_errno(), "bind of an AF_XDP socket")
        return xsk

    def socket(self, name, which=0):
        return ("socket", "register", name, *self.number(self.listening, which))

    def xsk(self, name):
        return ("xsk", "register", name, "--dev", WORLD.host.dev, "--queue", "0", *self.number(self.bound))

    def close(self):
        for each in self.made.values():
            each.close()
        self.made.clear()


HANDED_OVER = HandedOver()
