# SPDX-License-Identifier: BSD-2-Clause
"""What nmap makes of the host: with rejected ports the very states that it finds without xdemux, with dropped ones
silence where a port is closed, and open ports as they were."""
import contextlib
import unittest
import xml.etree.ElementTree as ElementTree

import servers
from world import WORLD

OPEN = {"tcp": (22, 80), "udp": (53,)}
CLOSED = {"tcp": (1, 23, 81, 3000, 8080, 65535), "udp": (7, 54, 123, 161, 40000, 65535)}

# nmap's option, the protocol, and its words for an open, a closed and a silent port (nmap(1), port scanning techniques).
SCANS = {
    "syn": ("-sS", "tcp", "open", "closed", "filtered"),
    "connect": ("-sT", "tcp", "open", "closed", "filtered"),
    "udp": ("-sU", "udp", "open", "closed", "open|filtered"),
    "fin": ("-sF", "tcp", "open|filtered", "closed", "open|filtered"),
    "null": ("-sN", "tcp", "open|filtered", "closed", "open|filtered"),
    "xmas": ("-sX", "tcp", "open|filtered", "closed", "open|filtered"),
    "ack": ("-sA", "tcp", "unfiltered", "unfiltered", "filtered"),
}
# Three tries, and no waiting for what does not come.
TIMING = ("--max-retries", "2", "--initial-rtt-timeout", "200ms", "--max-rtt-timeout", "500ms", "--min-rate", "50")


def scan(name, address):
    """{port: state}, as nmap names it."""
    option, protocol, *_ = SCANS[name]
    ports = ",".join(map(str, sorted(OPEN[protocol] + CLOSED[protocol])))
    family = ("-6",) if ":" in address else ()
    found = WORLD.peer.run("nmap", *family, "-n", "-Pn", option, *TIMING, "-p", ports, "-oX", "-", address)
    return {int(port.get("portid")): port.find("state").get("state")
            for port in ElementTree.fromstring(found).iter("port")}


def states(name, closed):
    """What is expected when a closed port comes out as `closed`."""
    _, protocol, is_open, *_ = SCANS[name]
    return dict.fromkeys(OPEN[protocol], is_open) | dict.fromkeys(CLOSED[protocol], closed)


def lift_kernel_limits():
    """Else the kernel answers some of the closed UDP ports only, and nmap slows down for it."""
    for name in ("ipv4.icmp_ratelimit", "ipv6.icmp.ratelimit"):
        WORLD.host.run("sysctl", "-q", "-w", f"net.{name}=0")


class Scans(unittest.TestCase):
    """The same servers in all three cases."""

    @classmethod
    def setUpClass(cls):
        lift_kernel_limits()
        cls.running = contextlib.ExitStack()
        for kind in (servers.Ssh, servers.Nginx, servers.Dns):
            cls.running.enter_context(kind(WORLD.host))

    @classmethod
    def tearDownClass(cls):
        cls.running.close()


def add_case(name, address):
    family = "ipv6" if ":" in address else "ipv4"
    *_, closed, silent = SCANS[name]

    def test(self):
        alone = scan(name, address)
        self.assertEqual(alone, states(name, closed), "without xdemux")
        with WORLD.guarded("reject"):
            self.assertEqual(scan(name, address), alone, "with --closed reject")
        with WORLD.guarded("drop"):
            self.assertEqual(scan(name, address), states(name, silent), "with --closed drop")

    setattr(Scans, f"test_{name}_scan_over_{family}", test)


for scan_name in SCANS:
    for host_address in WORLD.host.addresses:
        add_case(scan_name, host_address)
