# SPDX-License-Identifier: BSD-2-Clause
"""A server that waits on an address above the interface, and a closed port beside it, by what stands between."""
import contextlib
import socket
import subprocess
import unittest

from world import PASS, TIME_SCALE, WORLD, run, wait_for

SERVED, CLOSED = 7000, 7001
PATIENCE = 0.5 * TIME_SCALE  # seconds; a packet takes microseconds
SILENCE = 0.5  # seconds without an answer; what was dropped is known by its count
VLAN_HOST, VLAN_PEER = ("198.51.100.1", "2001:db8:7::1"), ("198.51.100.2", "2001:db8:7::2")


@contextlib.contextmanager
def serving(bound_to=None):
    """TCP sockets of both families on SERVED, on the host; bound to a device if one is named."""
    with contextlib.ExitStack() as sockets:
        for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            server = sockets.enter_context(WORLD.host.socket(family, socket.SOCK_STREAM))
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if bound_to:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, bound_to.encode())
            server.bind((any_address, SERVED))
            server.listen(16)
        yield


@contextlib.contextmanager
def addresses_on(dev):
    """The host's addresses stand on `dev` instead of its interface, for a time."""
    move_addresses(WORLD.host.dev, dev)
    try:
        yield
    finally:
        move_addresses(dev, WORLD.host.dev)


def move_addresses(old, new):
    name, length = WORLD.host.name, {WORLD.host.ipv4: 24, WORLD.host.ipv6: 64}
    for address in WORLD.host.addresses:
        subprocess.run(("ip", "-n", name, "addr", "del", f"{address}/{length[address]}", "dev", old), capture_output=True)
        run("ip", "-n", name, "addr", "add", f"{address}/{length[address]}", "dev", new,
            *(("nodad",) if ":" in address else ()))
    # A bridge has the address of one of its ports: the peer would go on asking the former one for seconds.
    run("ip", "-n", WORLD.peer.name, "neigh", "flush", "dev", WORLD.peer.dev)


class DeviceTest(unittest.TestCase):
    def expect_served_and_closed(self, addresses, closed_by):
        """Each address has its server, and beside it a closed port, which xdemux closes."""
        for address in addresses:
            with self.subTest(address=address):
                self.expect_served(address)
                self.expect_closed(address, closed_by)

    def expect_served(self, address):
        WORLD.peer.exchange("tcp", (address, SERVED), PATIENCE)

    def expect_closed(self, address, closed_by):
        error, patience = {"reject": (ConnectionRefusedError, PATIENCE), "drop": (TimeoutError, SILENCE)}[closed_by]
        before = WORLD.packets("closed", closed_by)

        def is_closed_and_counted():
            with self.assertRaises(error):
                WORLD.peer.exchange("tcp", (address, CLOSED), patience)
            return WORLD.packets("closed", closed_by) > before
        wait_for(is_closed_and_counted, f"a packet to {address} is counted as closed")


class VlanTest(DeviceTest):
    def setUp(self):
        for end, addresses in ((WORLD.host, VLAN_HOST), (WORLD.peer, VLAN_PEER)):
            run("ip", "-n", end.name, "link", "add", "link", end.dev, "name", self.dev(end), "type", "vlan", "id", "7")
            self.addCleanup(run, "ip", "-n", end.name, "link", "del", self.dev(end))
            end.run("ethtool", "-K", end.dev, "rxvlan", "off")
            for address, length in zip(addresses, (24, 64)):
                run("ip", "-n", end.name, "addr", "add", f"{address}/{length}", "dev", self.dev(end),
                    *(("nodad",) if ":" in address else ()))
            run("ip", "-n", end.name, "link", "set", self.dev(end), "up")

    @staticmethod
    def dev(end):
        return f"{end.dev}.7"

    def test_closed_ports_are_rejected_with_the_tag_kept(self):
        with serving(), WORLD.guarded("reject"):
            self.expect_served_and_closed(VLAN_HOST + WORLD.host.addresses, "reject")

    def test_closed_ports_are_dropped_above_and_below(self):
        with serving(), WORLD.guarded("drop"):
            self.expect_served_and_closed(VLAN_HOST + WORLD.host.addresses, "drop")

    def test_reject_is_refused_where_the_driver_takes_the_tags_off(self):
        WORLD.host.run("ethtool", "-K", WORLD.host.dev, "rxvlan", "on")
        done = subprocess.run((*WORLD.tool(), "attach", WORLD.host.dev, "--enforce", "--closed", "reject"),
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 7)
        self.assertIn(f"ethtool -K {WORLD.host.dev} rxvlan off", done.stderr)

    def test_a_socket_bound_to_the_device_above_is_not_cut_off(self):
        """The kernel's look-up is asked for the device below and does not see it: that is refused, with the socket's name."""
        with serving(bound_to=self.dev(WORLD.host)):
            done = subprocess.run((*WORLD.tool(), "attach", WORLD.host.dev, "--enforce", "--closed", "drop"),
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 9, done.stderr)
            self.assertIn(f"{SERVED}", done.stderr)


class BridgeTest(DeviceTest):
    def setUp(self):
        run("ip", "-n", WORLD.host.name, "link", "add", "xdbr0", "type", "bridge")
        self.addCleanup(run, "ip", "-n", WORLD.host.name, "link", "del", "xdbr0")
        run("ip", "-n", WORLD.host.name, "link", "set", WORLD.host.dev, "master", "xdbr0")
        run("ip", "-n", WORLD.host.name, "link", "set", "xdbr0", "up")

    def test_on_its_port_guards_the_addresses_of_the_bridge(self):
        with addresses_on("xdbr0"), serving(), WORLD.guarded("drop"):
            self.expect_served_and_closed(WORLD.host.addresses, "drop")

    def test_lets_pass_what_is_bridged_to_another_host(self):
        """The other host is a namespace behind a second port of the bridge. TPROXY's route, which only marked packets
        take, does not make its address one of ours."""
        for words in (("route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "100"),
                      ("rule", "add", "fwmark", "1", "lookup", "100")):
            run("ip", "-n", WORLD.host.name, *words)
            self.addCleanup(run, "ip", "-n", WORLD.host.name, *(word.replace("add", "del") for word in words))
        other = f"{WORLD.host.name}o"
        run("ip", "netns", "add", other)
        self.addCleanup(run, "ip", "netns", "del", other)
        run("ip", "-n", WORLD.host.name, "link", "add", "xd2", "type", "veth", "peer", "name", "xd3", "netns", other)
        run("ip", "-n", WORLD.host.name, "link", "set", "xd2", "master", "xdbr0", "up")
        run("ip", "-n", other, "addr", "add", "192.0.2.3/24", "dev", "xd3")
        run("ip", "-n", other, "link", "set", "xd3", "up")
        with addresses_on("xdbr0"), WORLD.guarded("drop"):
            self.expect_closed(WORLD.host.ipv4, "drop")
            with self.assertRaises(ConnectionRefusedError):  # the other host's own answer
                WORLD.peer.exchange("tcp", ("192.0.2.3", CLOSED), PATIENCE)
            self.assertGreater(WORLD.packets("not_local", "pass"), 0)


    def test_lets_pass_frames_to_other_stations_whatever_their_address(self):
        peer = WORLD.peer
        with addresses_on("xdbr0"), WORLD.guarded("drop"):
            run("ip", "-n", peer.name, "neigh", "replace", WORLD.host.ipv4, "lladdr", "02:00:00:00:00:99", "dev", peer.dev,
                "nud", "reachable")
            self.addCleanup(run, "ip", "-n", peer.name, "neigh", "flush", "dev", peer.dev)
            with self.assertRaises(TimeoutError):
                peer.exchange("tcp", (WORLD.host.ipv4, CLOSED), SILENCE)
            wait_for(lambda: WORLD.packets("not_local", "pass") > 0, "the frame is counted as another station's")
            self.assertEqual(WORLD.packets("closed", "drop"), 0)
            run("ip", "-n", peer.name, "neigh", "flush", "dev", peer.dev)
            self.expect_closed(WORLD.host.ipv4, "drop")


class VrfTest(DeviceTest):
    def setUp(self):
        name, dev = WORLD.host.name, WORLD.host.dev
        run("ip", "-n", name, "link", "add", "xdvrf0", "type", "vrf", "table", "7")
        self.addCleanup(move_addresses, dev, dev)  # coming and going takes those of IPv6
        self.addCleanup(run, "ip", "-n", name, "link", "del", "xdvrf0")
        run("ip", "-n", name, "link", "set", "xdvrf0", "up")
        run("ip", "-n", name, "link", "set", dev, "master", "xdvrf0")
        move_addresses(dev, dev)

    def test_on_its_port_guards_the_addresses_in_its_table(self):
        with WORLD.guarded("drop"):
            for address in WORLD.host.addresses:
                self.expect_closed(address, "drop")


class BondTest(DeviceTest):
    def setUp(self):
        name, dev = WORLD.host.name, WORLD.host.dev
        run("ip", "-n", name, "link", "add", "xdbond0", "type", "bond", "mode", "active-backup", "miimon", "10")
        self.addCleanup(run, "ip", "-n", name, "link", "set", dev, "up")
        self.addCleanup(run, "ip", "-n", name, "link", "del", "xdbond0")
        run("ip", "-n", name, "link", "set", dev, "down")
        run("ip", "-n", name, "link", "set", dev, "master", "xdbond0")
        run("ip", "-n", name, "link", "set", "xdbond0", "up")

    def guard(self, dev):
        WORLD.xdemux("attach", dev, "--enforce", "--closed", "drop")
        self.addCleanup(WORLD.leave)

    def test_on_the_bond(self):
        with addresses_on("xdbond0"), serving():
            self.guard("xdbond0")
            self.expect_served_and_closed(WORLD.host.addresses, "drop")

    def test_on_the_device_below_it(self):
        with addresses_on("xdbond0"), serving():
            self.guard(WORLD.host.dev)
            self.expect_served_and_closed(WORLD.host.addresses, "drop")


class DispatcherTest(DeviceTest):
    """xdp-loader puts programs behind libxdp's dispatcher, which needs freplace. The interface has room for one."""
    LOAD = ("xdp-loader", "load", "--mode", "native", "--section", "xdp.frags", WORLD.host.dev, PASS)
    UNLOAD = ("xdp-loader", "unload", WORLD.host.dev, "--all")

    def test_is_left_alone_and_named_until_it_is_unloaded_as_told(self):
        WORLD.host.run(*self.LOAD)
        self.addCleanup(subprocess.run, WORLD.host.command(*self.UNLOAD), capture_output=True)
        done = subprocess.run((*WORLD.tool(), "attach", WORLD.host.dev), capture_output=True, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("xdp_dispatcher", done.stderr)
        self.assertTrue(done.stderr.endswith(f"detach it first: {' '.join(self.UNLOAD)}\n"), done.stderr)
        self.assertIn("xdp_dispatcher", WORLD.host.run("xdp-loader", "status", WORLD.host.dev))
        WORLD.host.run(*self.UNLOAD)
        with serving(), WORLD.guarded("drop"):
            self.expect_served_and_closed(WORLD.host.addresses, "drop")

    def test_does_not_take_the_place_of_xdemux(self):
        with serving(), WORLD.guarded("drop"):
            done = subprocess.run(WORLD.host.command(*self.LOAD), capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0, "xdp-loader put its program on the interface")
            self.expect_served_and_closed(WORLD.host.addresses, "drop")


class TheTests(DeviceTest):
    def test_notice_when_the_server_is_cut_off(self):
        """The one deliberately wrong case: without host mode a server's port is closed."""
        with serving(), WORLD.guarded("reject", "--no-host", "--force"), self.assertRaises(ConnectionRefusedError):
            self.expect_served(WORLD.host.ipv4)
