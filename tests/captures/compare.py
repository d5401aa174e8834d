# SPDX-License-Identifier: BSD-2-Clause
"""Two readings of the same frames: the shipped program's, by `xdemux explain --pcap`, and tshark's; and where they
differ, the class of the difference.
"""
import collections
import json
import os
import re
import subprocess

End = collections.namedtuple("End", "addr port")
Reading = collections.namedtuple("Reading", "reason proto source destination")

FIELDS = ("frame.number", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport",
          "udp.srcport", "udp.dstport")
PREFERENCES = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.analyze_sequence_numbers:FALSE")
# The others are switched off: they have no say here, and cost the most.
PROTOCOLS = re.compile(r"eth|ethertype|vlan|ieee8021ad|ip|ipv6(\.\w+)*|ah|tcp|udp|icmp|icmpv6|frame|data")
EXTENSIONS = r"(?::(?:ipv6\.\w+|ah))*"
# What is outermost: an IP packet behind Ethernet and tags, and what it carries.
OUTER = re.compile(rf"^eth:ethertype(?::(?:vlan|ieee8021ad):ethertype)*:(?P<ip>ipv6|ip)(?=:|$){EXTENSIONS}(?::(?P<carries>\w+))?")
EXPLANATIONS = os.path.join(os.path.dirname(__file__), "../data/captures/differences.txt")


def program(tool, capture):
    """By the shipped program, in the order of the capture."""
    said = subprocess.run((*tool, "--json", "explain", "--pcap", capture), stdin=subprocess.DEVNULL, check=True,
                          stdout=subprocess.PIPE).stdout
    for row in json.loads(said)["explanations"]:
        ends = [End(end["addr"], end["port"]) if end else None for end in (row["source"], row["destination"])]
        yield Reading(row["reason"], row["proto"], *ends)


def reading_of(values):
    fields = dict(zip(FIELDS, values))
    outer = OUTER.match(fields["frame.protocols"])
    if not outer:
        return Reading(None, None, None, None)
    ip, carries = outer["ip"], outer["carries"]
    addresses = fields[f"{ip}.src"], fields[f"{ip}.dst"]
    if not all(addresses):
        return Reading(None, None, None, None)
    ports = (fields[f"{carries}.srcport"], fields[f"{carries}.dstport"]) if carries in ("tcp", "udp") else ("", "")
    if not all(ports):
        return Reading(None, None, *(End(addr, None) for addr in addresses))
    return Reading(None, carries, *(End(addr, int(port)) for addr, port in zip(addresses, ports)))


def configuration(folder):
    """A configuration of tshark's in the folder, in which only what is compared is taken apart; its environment."""
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": folder}
    said = subprocess.run(("tshark", "-G", "protocols"), env=environment, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    names = [line.split("\t")[2] for line in said.splitlines()]
    with open(os.path.join(folder, "disabled_protos"), "w") as file:
        file.writelines(f"{name}\n" for name in names if not PROTOCOLS.fullmatch(name))
    return environment


def tshark(capture, environment):
    """By tshark, each packet for itself: nothing is put together."""
    command = ["tshark", "-n", "-r", capture, "-T", "fields", "-E", "occurrence=f", "-E", "separator=/t"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as run:
        for line in run.stdout:
            yield reading_of(line.rstrip("\n").split("\t"))
    if run.returncode:
        raise RuntimeError(f"tshark ended with {run.returncode}")


def word(packet, at):
    return int.from_bytes(packet[at:at + 2], "big")


def network(frame):
    """The IP packet, behind two VLAN tags at most."""
    at = 12
    for _ in range(2):
        at += 4 * (word(frame, at) in (0x8100, 0x88a8))
    return frame[at + 2:]


def is_ill_formed(reason, frame):
    """Whether the lengths bear the reason out, by arithmetic of its own; of what is behind IPv6 headers it cannot say."""
    ip = network(frame)
    if reason == "bad_ipv6":
        return len(ip) < 40 or ip[0] >> 4 != 6 or 40 + word(ip, 4) > len(ip) or (word(ip, 4) == 0 and ip[6] == 0)
    if len(ip) < 20 or ip[0] >> 4 != 4:
        return True
    head, whole = (ip[0] & 15) * 4, word(ip, 2)
    if reason == "bad_ipv4":
        return head < 20 or whole < head or whole > len(ip)
    payload = ip[head:whole]
    if reason == "bad_tcp":
        return len(payload) < 20 or not 20 <= (payload[12] >> 4) * 4 <= len(payload)
    return reason != "bad_udp" or len(payload) < 8 or not 8 <= word(payload, 4) <= len(payload)


def has_addresses(reading):
    return reading.source is not None


def difference(ours, theirs, frame):
    """The class of the difference, or None: the same where both have it, and both have it or neither."""
    # A packet between two ports of zero has no protocol in the tool's output.
    if theirs.proto and not ours.proto and (theirs.source.port, theirs.destination.port) == (0, 0):
        theirs = theirs._replace(proto=None)
    if has_addresses(ours) and has_addresses(theirs):
        if (ours.source.addr, ours.destination.addr) != (theirs.source.addr, theirs.destination.addr):
            return f"{ours.reason}: other addresses"
    if ours.proto and theirs.proto:
        same = (ours.proto, ours.source.port, ours.destination.port) == (theirs.proto, theirs.source.port, theirs.destination.port)
        return None if same else f"{ours.reason}: other ports"
    if ours.proto:
        return f"ports: tshark has {'addresses' if has_addresses(theirs) else 'none'}"
    if not theirs.proto:
        return None
    return f"{ours.reason}: tshark has ports" + ("" if is_ill_formed(ours.reason, frame) else ", and all lengths are right")


def explained():
    """Class to explanation, from the table in the tests' data."""
    with open(EXPLANATIONS) as file:
        rows = (line.rstrip("\n").split(" | ") for line in file if not line.startswith("#"))
        return {row[0]: row[1] for row in rows}
