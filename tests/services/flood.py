# SPDX-License-Identifier: BSD-2-Clause
"""usage: flood.py DEV MAC udp|syn ADDRESS... COUNT

Sends COUNT packets at most to closed ports of the addresses, as fast as it can, from senders and ports that change;
less when it is ended. It runs in the sender's namespace.
"""
import ipaddress
import itertools
import random
import socket
import struct
import sys

SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
FRAMES = 4096
FIRST_CLOSED, LAST_CLOSED = 20000, 29999  # no server of the tests, and no ephemeral port, is there
ETHERTYPE = {4: 0x0800, 6: 0x86DD}


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def transport(kind, source, target):
    """A header with its checksum, and 8 bytes behind it where it is UDP."""
    ports = random.randint(1024, 65535), random.randint(FIRST_CLOSED, LAST_CLOSED)
    if kind == "udp":
        number, at = socket.IPPROTO_UDP, 6
        segment = struct.pack("!HHHH8s", *ports, 16, 0, b"flooding")
    else:
        number, at = socket.IPPROTO_TCP, 16
        segment = struct.pack("!HHIIBBHHH", *ports, random.getrandbits(32), 0, 5 << 4, 2, 64240, 0, 0)
    pseudo = source.packed + target.packed + struct.pack("!II", len(segment), number)
    return number, segment[:at] + struct.pack("!H", checksum(pseudo + segment) or 0xFFFF) + segment[at + 2 :]


def network_header(source, target, number, length):
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, length, number, 64) + source.packed + target.packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, number, 0) + source.packed + target.packed
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:]


def sender_for(target):
    """Another address of the target's /24 or /64."""
    low = random.randint(3, 254)
    return ipaddress.ip_address(int(target) & ~0xFF | low)


def frame(kind, to_mac, from_mac, target):
    source = sender_for(target)
    number, segment = transport(kind, source, target)
    ethernet = to_mac + from_mac + struct.pack("!H", ETHERTYPE[target.version])
    return ethernet + network_header(source, target, number, len(segment)) + segment


def main(dev, mac, kind, *rest):
    targets, count = [ipaddress.ip_address(address) for address in rest[:-1]], int(rest[-1])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((dev, 0))
        wire.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        from_mac = wire.getsockname()[4]
        frames = [frame(kind, bytes.fromhex(mac.replace(":", "")), from_mac, random.choice(targets))
                  for _ in range(FRAMES)]
        for one in itertools.islice(itertools.cycle(frames), count):
            try:
                wire.send(one)
            except OSError:  # the device is full: a flood does not wait
                pass


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
