# SPDX-License-Identifier: BSD-2-Clause
"""A small set of frames of every kind that the parser knows, for where there are no foreign captures."""
import ipaddress
import itertools
import struct

MACS = bytes.fromhex("020000000001" "020000000002")
IPV4 = tuple(ipaddress.ip_address(text).packed for text in ("192.0.2.2", "192.0.2.1"))
IPV6 = tuple(ipaddress.ip_address(text).packed for text in ("2001:db8::2", "2001:db8::1"))
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58


def tcp(payload=b"", words=5, source=40000, destination=80):
    options = b"\x01" * (4 * (words - 5))
    return struct.pack(">HHIIBBHHH", source, destination, 1, 0, words << 4, 2, 65535, 0, 0) + options + payload


def udp(payload=b"", source=40000, destination=53):
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def ipv4(protocol, payload, words=5, offset=0):
    head = struct.pack(">BBHHHBBH", 0x40 | words, 0, 4 * words + len(payload), 7, offset, 64, protocol, 0)
    return b"\x08\x00", head + b"".join(IPV4) + b"\x01" * (4 * (words - 5)) + payload


def ipv6(protocol, payload):
    return b"\x86\xdd", struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + b"".join(IPV6) + payload


def extended(chain, protocol, payload):
    """IPv6 with extension headers of these numbers, each of 8 bytes, AH of 12 and its own way to tell."""
    for number in reversed(chain):
        if number == 51:
            payload = bytes((protocol, 1)) + bytes(10) + payload
        elif number == 44:
            payload = bytes((protocol, 0, 0, 1)) + b"\x00\x00\x00\x07" + payload
        else:
            payload = bytes((protocol, 0, 1, 4, 0, 0, 0, 0)) + payload
        protocol = number
    return ipv6(protocol, payload)


def frame(network, tags=()):
    ethertype, packet = network
    tagged = b"".join(tag + b"\x00\x05" for tag in tags)
    return (MACS + tagged + ethertype + packet).ljust(60, b"\x00")


def networks():
    for protocol, payload in ((TCP, tcp()), (TCP, tcp(b"x" * 100, 8)), (UDP, udp()), (UDP, udp(b"y" * 30))):
        yield ipv4(protocol, payload)
        yield ipv4(protocol, payload, 9)
        yield ipv4(protocol, payload, 5, 0x2000)
        yield ipv4(protocol, b"z" * 24, 5, 100)
        yield ipv6(protocol, payload)
        for chain in ((0,), (60,), (43,), (51,), (44,), (0, 60), (0, 43, 60), (60, 51), (0, 44), (60, 60, 60, 60)):
            yield extended(chain, protocol, payload)
    for kind in (8, 3, 11):
        yield ipv4(ICMP, bytes((kind, 0, 0, 0, 0, 0, 0, 0)) + ipv4(UDP, udp(b"q"))[1])
        yield ipv4(ICMP, bytes((kind, 0, 0, 0, 0, 0, 0, 0)) + ipv4(TCP, tcp())[1][:28])
    for kind in (128, 1, 2, 3):
        yield ipv6(ICMPV6, bytes((kind, 0, 0, 0, 0, 0, 0, 0)) + ipv6(UDP, udp(b"q"))[1])
    yield ipv4(47, bytes(20))
    yield ipv4(UDP, udp(b"", 0, 0))
    yield ipv6(59, b"")
    yield b"\x08\x06", bytes.fromhex("0001080006040001") + bytes(20)
    yield b"\x00\x20", bytes(32)


def frames():
    tags = ((), (b"\x81\x00",), (b"\x88\xa8", b"\x81\x00"), (b"\x81\x00",) * 3)
    return [frame(network, tag) for network, tag in itertools.product(networks(), tags)]
