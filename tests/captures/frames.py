# SPDX-License-Identifier: BSD-2-Clause
"""Ethernet frames out of captures, and into one; mutations of them. It looks at nothing above the link layer but where
the mutations aim.
"""
import struct

ETHERNET, RAW, RAW_IPV4, RAW_IPV6, COOKED = 1, 101, 228, 229, 113
HEADER = bytes.fromhex("020000000001" "020000000002")
MAGICS = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}


def ethernet(link, packet):
    """The packet as an Ethernet frame, or None where its link layer is another: IP alone and Linux's cooked captures
    get a header."""
    if link == ETHERNET:
        return packet
    if link in (RAW, RAW_IPV4, RAW_IPV6) and packet:
        return HEADER + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00") + packet
    if link == COOKED and len(packet) >= 16:
        return HEADER + packet[14:]
    return None


def read_pcap(data):
    order = MAGICS[data[:4]]
    link = struct.unpack(order + "I", data[20:24])[0] & 0xffff
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        packet = data[at + 16:at + 16 + size]
        at += 16 + size
        yield ethernet(link, packet)


def read_pcapng(data):
    order, links, at = "<", [], 0
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order, links = ("<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"), []
        kind, size = struct.unpack(order + "II", data[at:at + 8])
        if size < 12:
            return
        body = data[at + 8:at + size - 4]
        if kind == 1 and len(body) >= 2:
            links.append(struct.unpack(order + "H", body[:2])[0])
        elif kind == 6 and len(body) >= 20:
            interface, _, _, captured = struct.unpack(order + "IIII", body[:16])
            link = links[interface] if interface < len(links) else None
            yield ethernet(link, body[20:20 + captured])
        at += size


def read(path):
    """The frames of a capture, as far as it can be read; none of a file that is no capture."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] in MAGICS and len(data) >= 24:
        frames = read_pcap(data)
    elif data[:4] == b"\x0a\x0d\x0d\x0a":
        frames = read_pcapng(data)
    else:
        return []
    return [frame[:65535] for frame in frames if frame]


def write(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, ETHERNET))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def cut(frame, random):
    return frame[:random.randrange(1, len(frame) + 1)]


def flip(frame, random):
    changed = bytearray(frame)
    for _ in range(random.randrange(1, 9)):
        changed[random.randrange(min(len(frame), 80))] ^= 1 << random.randrange(8)
    return bytes(changed)


def lengthen(frame, random):
    """Another value where a length stands: of IPv4's header and packet, IPv6's payload and extension headers, TCP's
    header, UDP's datagram."""
    changed = bytearray(frame)
    for at in random.sample((14, 16, 17, 18, 19, 38, 39, 46, 55, 66, 58, 59), 2):
        if at < len(changed):
            changed[at] = random.choice((0, 1, 4, 5, 8, 20, 40, 64, 127, 255, random.randrange(256)))
    return bytes(changed)


MUTATIONS = (cut, flip, lengthen)


def mutated(frames, count, random):
    """`count` mutations of each frame, now and then one of a mutation."""
    for frame in frames:
        for _ in range(count):
            changed = random.choice(MUTATIONS)(frame, random)
            yield random.choice(MUTATIONS)(changed, random) if random.random() < 0.2 else changed
