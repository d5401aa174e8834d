# SPDX-License-Identifier: BSD-2-Clause
"""Two network namespaces joined by a veth pair: the host, which xdemux guards, and its peer.

It makes, removes and runs things in them; it expects nothing of xdemux.
"""
import contextlib
import ctypes
import json
import os
import socket
import subprocess
import tempfile
import time

TOOL = os.environ.get("XDEMUX_TOOL", "xdemux")
PASS = os.environ.get("XDEMUX_PASS", "pass.bpf.o")
TIME_SCALE = max(1.0, float(os.environ.get("XDEMUX_TIME_SCALE", "1")))
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def wait_for(condition, what, seconds=15):
    """Asks again and again until `condition()` holds, and returns what it said; raises when the time is over."""
    deadline = time.monotonic() + seconds * TIME_SCALE
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds * TIME_SCALE:g} s")
        time.sleep(0.01)
    return answer


class RunFailed(Exception):
    """A command did not end with 0."""


def run(*command, **options):
    """What the command printed on standard output; raises with all that it said unless it ends with 0."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Host:
    """One end: a namespace with one device and an address of each family."""

    def __init__(self, name, dev, ipv4, ipv6):
        self.name, self.dev, self.ipv4, self.ipv6 = name, dev, ipv4, ipv6
        self.path = f"/run/netns/{name}"

    @property
    def addresses(self):
        return (self.ipv4, self.ipv6)

    def command(self, *command):
        """The command line that runs `command` here; nsenter, since `ip netns exec` would hide bpffs."""
        return ("nsenter", f"--net={self.path}", *command)

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def socket(self, family, kind, protocol=0):
        """A socket belongs for life to the namespace in which its thread was when it was made."""
        with open("/proc/thread-self/ns/net") as home, open(self.path) as there:
            enter(there.fileno())
            try:
                return socket.socket(family, kind, protocol)
            finally:
                enter(home.fileno())

    def exchange(self, protocol, address, seconds=0.3):
        """Connects, or sends a byte and waits for an answer; raises what the kernel makes of it."""
        kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[protocol]
        with self.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, kind) as client:
            client.settimeout(seconds)
            client.connect(address)
            if protocol == "udp":
                client.send(b"?")
                client.recv(1)

    def waits(self, protocol, port):
        """Does a socket listen (TCP) or is one bound (UDP)? In the kernel's own words."""
        kind = {"tcp": "-Hltn", "udp": "-Hlun"}[protocol]
        return bool(self.run("ss", kind, f"sport = :{port}").strip())

    def link(self):
        return json.loads(run("ip", "-n", self.name, "-json", "link", "show", "dev", self.dev))[0]

    def mac(self):
        return self.link()["address"]

    def index(self):
        return self.link()["ifindex"]


def enter(netns):
    if LIBC.setns(netns, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class World:
    """The topology, and xdemux in it. One for the process: bringing a pair up takes 0.2 s."""

    def __init__(self):
        pid = os.getpid()
        self.host = Host(f"xdsvc-h{pid}", "xs0", "192.0.2.1", "2001:db8::1")
        self.peer = Host(f"xdsvc-p{pid}", "xs1", "192.0.2.2", "2001:db8::2")
        self.instance = f"svc{pid}"
        self.queues = 1  # of each end and direction
        self.scratch = tempfile.TemporaryDirectory(prefix="xdemux-services-")
        os.chmod(self.scratch.name, 0o755)

    def set_up(self):
        for end in (self.host, self.peer):
            run("ip", "netns", "add", end.name)
            run("ip", "-n", end.name, "link", "set", "lo", "up")
        self.set_up_link()

    def set_up_link(self):
        queues = ("numtxqueues", str(self.queues), "numrxqueues", str(self.queues))
        run("ip", "-n", self.host.name, "link", "add", self.host.dev, *queues, "type", "veth",
            "peer", "name", self.peer.dev, *queues, "netns", self.peer.name)
        for end in (self.host, self.peer):
            # With checksum offload, frames between the two would carry no real checksums.
            end.run("ethtool", "-K", end.dev, "tx", "off")
            run("ip", "-n", end.name, "addr", "add", f"{end.ipv4}/24", "dev", end.dev)
            run("ip", "-n", end.name, "addr", "add", f"{end.ipv6}/64", "dev", end.dev, "nodad")
            run("ip", "-n", end.name, "link", "set", end.dev, "up")
        # What xdemux sends back is received at once only by an end with a program (see pass.bpf.c).
        run("ip", "-n", self.peer.name, "link", "set", "dev", self.peer.dev, "xdpdrv", "object", PASS, "section", "xdp.frags")

    def tear_down(self):
        self.leave()
        subprocess.run(("ip", "-n", self.host.name, "link", "del", self.host.dev), capture_output=True)
        for end in (self.host, self.peer):
            subprocess.run(("ip", "netns", "del", end.name), capture_output=True)
        self.scratch.cleanup()

    def folder(self, name):
        """A folder for whatever a server keeps, of anybody's."""
        path = tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch.name)
        os.chmod(path, 0o777)
        return path

    def tool(self):
        return (TOOL, "--instance", self.instance, "--netns", self.host.name)

    def xdemux(self, *arguments):
        return run(*self.tool(), *arguments)

    def leave(self):
        """Whatever is not there is no error."""
        for arguments in (("detach", "--all"), ("unload",)):
            subprocess.run((*self.tool(), *arguments), capture_output=True)

    @contextlib.contextmanager
    def guarded(self, closed, *options):
        """With xdemux in enforce mode on the host's device; no port is named by hand."""
        self.xdemux("attach", self.host.dev, "--enforce", "--closed", closed, *options)
        try:
            yield self
        finally:
            self.xdemux("detach", "--all")
            self.xdemux("unload")

    def counted(self):
        """All packets that the attached program counted, and those that the peer's end sent: with nothing under way."""
        def sent():
            return json.loads(run("ip", "-n", self.peer.name, "-json", "-s", "link", "show", "dev", self.peer.dev))[0]["stats64"]["tx"]["packets"]
        while True:  # the kernel sends of itself now and then
            before = sent()
            rows = json.loads(self.xdemux("reason", "list", "--json"))["reasons"]
            if sent() == before:
                return sum(row["packets"] for row in rows), before

    def packets(self, reason, verdict):
        """How many the attached program counted."""
        rows = json.loads(self.xdemux("reason", "list", "--json"))["reasons"]
        return sum(row["packets"] for row in rows if (row["reason"], row["verdict"]) == (reason, verdict))


WORLD = World()
