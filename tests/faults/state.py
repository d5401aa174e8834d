# SPDX-License-Identifier: BSD-2-Clause
"""What an instance is, as its user sees it, and the changes that the faults interrupt. It expects nothing."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../services"))
from world import WORLD  # noqa: E402

PINS = "/sys/fs/bpf/xdemux"


def tool(*arguments, **options):
    """Runs the control tool; returns what subprocess.run() does."""
    return subprocess.run((*WORLD.tool(), *arguments), stdin=options.pop("stdin", subprocess.DEVNULL), capture_output=True,
                          text=True, **options)


def asked(member, *arguments):
    done = tool("--json", *arguments)
    return json.loads(done.stdout)[member] if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"


def without(rows, *names):
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def groups():
    """Without what their members got."""
    rows = asked("groups", "group", "list")
    if isinstance(rows, list):
        rows = [{**row, "members": without(row["members"], "packets", "bytes")} for row in rows]
    return sorted(map(str, rows))


def program_on(dev):
    """Whether the device runs an XDP program."""
    done = subprocess.run(("ip", "-n", WORLD.host.name, "-json", "link", "show", "dev", dev), capture_output=True, text=True)
    return done.returncode == 0 and "xdp" in json.loads(done.stdout)[0]


def state():
    """Everything that a change may change; two of these are equal where the user sees no difference."""
    loaded = tool("--json", "status")
    pins = os.path.join(PINS, WORLD.instance)
    if loaded.returncode == 3:
        return {"loaded": False, "program": program_on(WORLD.host.dev), "pins": sorted(os.listdir(pins)) if os.path.isdir(pins) else []}
    if loaded.returncode != 0:
        return {"loaded": f"exit {loaded.returncode}: {loaded.stderr}"}
    status = json.loads(loaded.stdout)["status"]
    return {
        "loaded": True,
        "program": program_on(WORLD.host.dev),
        "settings": {name: status[name] for name in ("mode", "closed", "host")},
        "pending": status["pending"] is not None,
        "interfaces": sorted(str(row["dev"]) for row in status["interfaces"]),
        "listeners": sorted(map(str, without(asked("listeners", "listener", "list"), "packets", "bytes"))),
        "groups": groups(),
        "flows": sorted(map(str, without(asked("flows", "flow", "list"), "packets", "bytes", "last_seen_ns"))),
    }


def is_consistent():
    """What the attached program does is what the tables say: verify's word. True where nothing is loaded."""
    return tool("verify", "--random", "2000", "--seed", "1").returncode in (0, 3)


class Change:
    """A command, and those that lead to where it begins."""

    def __init__(self, name, command, before=(), halfway=()):
        """`halfway`: commands to a state in between where it may stop when it fails or is killed."""
        self.name, self.command, self.before, self.halfway = name, command, before, halfway

    def prepare(self):
        tool("unload")
        for command in self.before:
            done = tool(*command)
            if done.returncode != 0:
                raise RuntimeError(f"{command}: {done.stderr}")

    def states(self):
        """Before it, after it, and where else it may stop."""
        self.prepare()
        before = state()
        done = tool(*self.command)
        after = state()
        if done.returncode != 0 or after == before:
            raise RuntimeError(f"{self.name} does nothing: {done.stderr}")
        stops = []
        if self.halfway:
            self.prepare()
            for command in self.halfway:
                tool(*command)
            stops.append(state())
        return before, after, stops

    def line(self):
        return (*WORLD.tool(), *self.command)


ATTACH = ("attach", WORLD.host.dev, "--mode", "generic")
LISTENER = ("listener", "add", "tcp", "*:80", "--name", "web")
FLOW = ("flow", "add", "tcp", "192.0.2.1:80", "192.0.2.2:40000")
DELIVERED = ("listener", "add", "tcp", "192.0.2.1:90", "--to", "socket:web")
GROUP = ("group", "add", "web", "cpu:0=3", "drop", "--sticky")
SHARED = ("listener", "add", "udp", "*:54", "--reuseport", "--to")
GUARDED = ("listener", "add", "udp", "*:53", "--from", "10.0.0.0/8,2001:db8::/32", "--rate", "10")


def batch(name, lines):
    path = os.path.join(WORLD.scratch.name, name)
    with open(path, "w") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def changes():
    """Every verb that changes something."""
    some = (ATTACH, LISTENER, FLOW)
    return (
        Change("attach, new", ATTACH),
        Change("attach, more", ATTACH, (LISTENER, FLOW)),
        Change("detach", ("detach", WORLD.host.dev), some),
        # First the devices, then the tables: stopped between the two, it has come as far as detach.
        Change("unload", ("unload",), some, (("detach", "--all"),)),
        Change("set", ("set", "--enforce", "--closed", "drop", "--force"), some),
        Change("set, confirm", ("set", "--enforce", "--confirm", "600", "--force"), some),
        Change("confirm", ("confirm",), (*some, ("set", "--enforce", "--confirm", "600", "--force"))),
        Change("rollback", ("rollback",), (*some, ("set", "--enforce", "--confirm", "600", "--force"))),
        Change("listener add", ("listener", "add", "tcp", "192.0.2.1:8000-8003", "--to", "drop"), some),
        Change("listener add, guarded", GUARDED, some),
        Change("listener replace", ("listener", "replace", "tcp", "*:80", "--to", "drop", "--from", "10.0.0.0/8", "--force"), some),
        Change("listener del", ("listener", "del", "udp", "*:53"), (*some, GUARDED)),
        Change("flow add", ("flow", "add", "udp", "[2001:db8::1]:53", "[2001:db8::2]:4711", "--to", "drop"), some),
        Change("flow del", ("flow", "del", *FLOW[2:]), some),
        Change("flow flush", ("flow", "flush"), some),
        Change("listener add, socket", DELIVERED, some),
        Change("listener del, socket", ("listener", "del", "tcp", "192.0.2.1:90"), (*some, DELIVERED)),
        Change("set, socket", ("set", "--enforce", "--closed", "drop", "--force"), (*some, DELIVERED)),
        Change("group add", GROUP, some),
        Change("group set", ("group", "set", "web", "cpu:0,queue=64=2", "reject=1", "drop=0", "--remove", "cpu:0"), (*some, GROUP)),
        Change("group del", ("group", "del", "web"), (*some, GROUP)),
        Change("listener add, shared", (*SHARED, "cpu:0,queue=64", "--name", "b"), (*some, (*SHARED, "cpu:0", "--name", "a"))),
        Change("listener del, shared", ("listener", "del", "udp", "*:54", "--name", "a"),
               (*some, (*SHARED, "cpu:0", "--name", "a"), (*SHARED, "cpu:0,queue=64", "--name", "b"))),
    )
