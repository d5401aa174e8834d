# SPDX-License-Identifier: BSD-2-Clause
"""What an instance is, and what of the host it changes, as its user sees it. It expects nothing."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../services"))
from world import WORLD, run  # noqa: E402

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


def ports_of_the_host():
    """The kernel's range, what is reserved, and whether a change of them waits to be confirmed."""
    shown = asked("ephemeral", "ephemeral", "show")
    return {**{name: shown[name] for name in ("range", "reserved")}, "waits": shown["pending"] is not None}


def members_of(rows, *names):
    """Without what changes by itself."""
    return sorted(map(str, without(rows, *names))) if isinstance(rows, list) else rows


# By name: what an instance has beside its settings and interfaces.
LISTS = {
    "listeners": lambda: members_of(asked("listeners", "listener", "list"), "packets", "bytes"),
    "groups": groups,
    "flows": lambda: members_of(asked("flows", "flow", "list"), "packets", "bytes", "last_seen_ns"),
    "leases": lambda: members_of(asked("leases", "ephemeral", "list"), "idle_seconds"),
    "blocks": lambda: members_of(asked("blocks", "scan", "blocks"), "until_ns"),
    "xsks": lambda: members_of(asked("xsks", "xsk", "list"), "packets", "bytes", "fallback_packets", "fallback_bytes"),
    "sockets": lambda: members_of(asked("sockets", "socket", "list"), "packets", "bytes", "fallback_packets", "fallback_bytes"),
}


def state(lists=(*LISTS, "ports")):
    """Everything that a change may change, or of what is listed these alone; two of these are equal where the user sees no
    difference."""
    loaded = tool("--json", "status")
    seen = {"program": program_on(WORLD.host.dev)}
    if "ports" in lists:
        seen["ports"] = ports_of_the_host()
    if loaded.returncode == 3:
        pins = os.path.join(PINS, WORLD.instance)
        return {**seen, "loaded": False, "pins": sorted(os.listdir(pins)) if os.path.isdir(pins) else []}
    if loaded.returncode != 0:
        return {**seen, "loaded": f"exit {loaded.returncode}: {loaded.stderr}"}
    status = json.loads(loaded.stdout)["status"]
    return {
        **seen,
        "loaded": True,
        "settings": {name: status[name] for name in ("mode", "closed", "host")},
        "pending": status["pending"] is not None,
        "interfaces": sorted(str(row["dev"]) for row in status["interfaces"]),
        **{name: look() for name, look in LISTS.items() if name in lists},
    }


def agrees(some, everything):
    """Whether what was seen is part of a whole state."""
    return some.keys() <= everything.keys() and all(everything[name] == seen for name, seen in some.items())


FORMER_CONTRACT = 4
EPOCH_AT = 68  # in struct local_hot


def of_former_contract():
    """As if a tool of the former contract version had made it. What a program reads is sealed, so the settings' map gives
    way to another."""
    pin = os.path.join(PINS, WORLD.instance, "settings")
    shown = json.loads(run("bpftool", "-j", "map", "show", "pinned", pin))
    value = [int(byte, 16) for byte in json.loads(run("bpftool", "-j", "map", "dump", "pinned", pin))[0]["value"]]
    value[:4] = FORMER_CONTRACT.to_bytes(4, sys.byteorder)
    run("bpftool", "map", "create", f"{pin}_former", "type", "array", "key", "4", "value", str(shown["bytes_value"]), "entries", "1",
        "name", "settings")
    run("bpftool", "map", "update", "pinned", f"{pin}_former", "key", "0", "0", "0", "0", "value", *map(str, value))
    os.rename(f"{pin}_former", pin)


def is_epoch_over():
    """No change of listeners or local routes is left under way: programs remember again what they look up."""
    pin = os.path.join(PINS, WORLD.instance, "local_hot")
    value = [int(byte, 16) for byte in json.loads(run("bpftool", "-j", "map", "dump", "pinned", pin))[0]["value"]]
    return int.from_bytes(value[EPOCH_AT : EPOCH_AT + 4], sys.byteorder) % 2 == 0


def is_consistent():
    """What the tables say is what they are to say: verify's word; and programs may remember it. True where nothing is
    loaded, or not ours to read."""
    done = tool("verify", "--random", "2000", "--seed", "1")
    if done.returncode == 0:
        return is_epoch_over()
    return done.returncode == 3 or "contract version" in done.stderr

