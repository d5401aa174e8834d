#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [--mutations N] [--seed S]

Captures of others, and mutations of them, through the shipped program. Every frame has exactly one reason, and the
endpoint that the program finds is the one that tshark finds, but for the classes that tests/data/captures explains.
XDEMUX_CORPUS is a folder of captures; without, the frames of own.py serve. XDEMUX_TOOL is the tool under test.
"""
import argparse
import collections
import os
import random
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../services"))
import compare  # noqa: E402
import frames as captures  # noqa: E402
import own  # noqa: E402
from entry import run_suite  # noqa: E402
from world import WORLD, wait_for  # noqa: E402

LARGEST_SENT = 9000 + 14  # bytes
EXAMPLES = 3  # frames shown of a class that nothing explains


def gather():
    """Frames, and how many captures they are of."""
    folder = os.environ.get("XDEMUX_CORPUS")
    if not folder:
        return own.frames(), 0
    paths = sorted(os.path.join(root, name) for root, _, names in os.walk(folder) for name in names)
    read = [captures.read(path) for path in paths]
    return [frame for some in read for frame in some], sum(1 for some in read if some)


def send_all(frames):
    """Every frame through the wire and the attached program: each packet that was sent was counted once. Returns how
    many of them were ours."""
    sent = 0
    before = WORLD.counted()
    with WORLD.peer.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((WORLD.peer.dev, 0))
        for frame in frames:
            if 14 < len(frame) <= LARGEST_SENT:
                wire.send(frame)
                sent += 1

    def all_counted():
        reasons, wire_packets = (now - then for now, then in zip(WORLD.counted(), before))
        return reasons == wire_packets and wire_packets >= sent
    wait_for(all_counted, f"as many reasons as packets sent: {before}, {WORLD.counted()}")
    return sent


def differences(frames):
    """The frames of each class of differences, and how many have ports in both readings."""
    capture = os.path.join(WORLD.scratch.name, "frames.pcap")
    captures.write(capture, frames)
    classes, both, reasons = collections.defaultdict(list), 0, collections.Counter()
    environment = compare.configuration(WORLD.folder("tshark"))
    readings = zip(compare.program(WORLD.tool(), capture), compare.tshark(capture, environment), frames, strict=True)
    for ours, theirs, frame in readings:
        reasons[ours.reason] += 1
        both += bool(ours.proto and theirs.proto)
        if found := compare.difference(ours, theirs, frame):
            classes[found].append((frame, ours, theirs))
    return classes, both, reasons


def report(classes):
    """Prints the classes; returns how many frames nothing explains."""
    known, unknown = compare.explained(), 0
    for name, cases in sorted(classes.items()):
        print(f"{len(cases):8}  {name}: {known.get(name, 'NOTHING EXPLAINS IT')}")
        if name in known:
            continue
        unknown += len(cases)
        for frame, ours, theirs in cases[:EXAMPLES]:
            print(f"          {frame[:120].hex()}\n          {ours}\n          {theirs}")
    return unknown


def check(whole, files, arguments):
    """Whether the program and tshark agree about all frames, but for what is explained."""
    frames = whole + list(captures.mutated(whole, arguments.mutations, random.Random(arguments.seed)))
    for end in (WORLD.host, WORLD.peer):
        end.run("ip", "link", "set", end.dev, "mtu", "9000")
    WORLD.xdemux("attach", WORLD.host.dev, "--monitor", "--closed", "drop")
    classes, both, reasons = differences(frames)
    sent = send_all(frames)
    print(f"seed {arguments.seed}: {files} captures, {len(whole)} frames, {len(frames) - len(whole)} mutations; "
          f"{both} endpoints compared with tshark; {sent} sent, each counted once")
    print("          " + ", ".join(f"{reason} {count}" for reason, count in reasons.most_common()))
    return report(classes) == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutations", type=int, default=3, help="of each frame")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return run_suite("captures", ("tshark",), lambda: check(*gather(), arguments))


sys.exit(main())
