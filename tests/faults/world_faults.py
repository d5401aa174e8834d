# SPDX-License-Identifier: BSD-2-Clause
"""What the world does to an instance: memory runs out, nothing more can be kept in /run or pinned, the device goes while
packets arrive, two tools change the same things at once. Each returns a text that says what was seen, and raises AssertionError where it was wrong.
"""
import subprocess
import threading
import time

from changes import ATTACH, FLOW, LISTENER, changes
from control_group import ControlGroup
from state import WORLD, is_consistent, state, tool
from world import run, wait_for


def memory_limit():
    """attach where the tables do not fit: nothing is left of it, and without the limit it works."""
    tool("unload")
    before, outcomes = state(), set()
    for mebibytes in (4, 8, 16, 24, 32, 40, 48, 56, 64):
        with ControlGroup("faults") as group:
            group.limit(mebibytes << 20)
            done = tool(*ATTACH, "--flows", "100000", preexec_fn=group.enter)
        outcomes.add(done.returncode)
        if done.returncode == 0:
            tool("unload")
        elif done.returncode < 0:  # killed for its memory: the next one clears up
            assert tool(*ATTACH).returncode == 0, "attach does not work after one that was killed"
            tool("unload")
        assert state() == before, f"{mebibytes} MiB: left behind: {state()}: {done.stderr}"
    assert outcomes != {0}, "no limit was low enough"
    assert tool(*ATTACH).returncode == 0
    return f"attach under nine limits of memory: exit codes {sorted(outcomes)}"


# In a mount namespace of its own, so that nobody else sees it.
FULL_RUN = "mount -t tmpfs -o size=4k tmpfs /run/xdemux && { dd if=/dev/zero of=/run/xdemux/full bs=4k count=1 2>&-; true; }"
NO_FILES_IN_RUN = "mount -t tmpfs -o nr_inodes=1 tmpfs /run/xdemux"
NO_PINS = "mount -o remount,bind,ro /sys/fs/bpf"
SOME_CHANGES = ("attach, new", "detach", "unload", "set", "listener add", "flow add", "group add", "socket register",
                "ephemeral set, confirm", "ephemeral lease")


def where(preparation, line):
    """The command line that does `line` where a shell has prepared the mounts."""
    return ("unshare", "--mount", "sh", "-c", f'{preparation} && exec "$@"', "sh", *line)


def no_room(preparation, what, names):
    """Each of these of SOME_CHANGES where nothing can be kept: as before, or as asked for, and the command says which."""
    failed = 0
    for change in (change for change in changes() if change.name in names):
        before, after = change.states()
        done = subprocess.run(where(preparation, change.line()), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        now = state()
        assert now == (after if done.returncode == 0 else before), f"{what}: {change.name}: exit {done.returncode}: {done.stderr}{now}"
        assert is_consistent(), f"{what}: {change.name}: verify finds a mismatch"
        failed += done.returncode != 0
        again = tool(*change.command)
        assert done.returncode == 0 or (again.returncode == 0 and state() == after), f"{what}: {change.name}: then: {again.stderr}"
    assert failed or len(names) < len(SOME_CHANGES), f"{what}: nothing failed"
    return f"{what}: {failed} of {len(names)} changes failed, each as if never begun"


def flood(stop):
    """UDP to closed ports from the peer, until told to stop; returns nothing."""
    with WORLD.peer.socket(2, 2) as sender:
        while not stop.is_set():
            try:
                sender.sendto(b"x", (WORLD.host.ipv4, 9))
            except OSError:
                time.sleep(0.001)


def device_goes():
    """The device is deleted while packets arrive: it is shown as gone, the tables stay, and a new one can be attached."""
    tool("unload")
    for command in (ATTACH, LISTENER, FLOW):
        assert tool(*command).returncode == 0
    stop = threading.Event()
    sender = threading.Thread(target=flood, args=(stop,))
    sender.start()
    try:
        wait_for(lambda: WORLD.packets("closed", "pass") > 100, "packets arrive")
        run("ip", "-n", WORLD.host.name, "link", "del", WORLD.host.dev)
        left = state()
        assert left["loaded"] is True and left["listeners"] and left["flows"], left
        assert tool("set", "--closed", "drop").returncode == 0, "no change is possible without the device"
        assert is_consistent()
    finally:
        stop.set()
        sender.join()
    WORLD.set_up_link()
    done = tool("attach", WORLD.host.dev, "--mode", "generic")
    assert done.returncode == 0, done.stderr
    assert state()["listeners"] == left["listeners"]
    return "the device deleted under a flood: tables stay, its successor is attached"


def two_tools(seconds):
    """Two tools change the same endpoints, and each its own, for a time: each success is there, no change is lost."""
    tool("unload")
    assert tool(*ATTACH).returncode == 0
    ends, done, failures = time.monotonic() + seconds, [0, 0], []

    def work(number):
        while time.monotonic() < ends:
            own, shared = f"127.0.0.{number + 1}:{1 + done[number] % 1000}", f"192.0.2.1:{1 + done[number] % 7}"
            added = tool("listener", "add", "tcp", own)
            if added.returncode != 0:
                failures.append(added.stderr)
            for verb in ("add", "del"):
                changed = tool("listener", verb, "udp", shared)
                if changed.returncode not in (0, 4, 5):  # the other was there first
                    failures.append(changed.stderr)
            if done[number] % 2 and tool("listener", "del", "tcp", own).returncode != 0:
                failures.append(f"{own} is lost")
            done[number] += 1

    tools = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for each in tools:
        each.start()
    for each in tools:
        each.join()
    assert not failures, failures[:3]
    listeners = [row for row in state()["listeners"] if "127.0.0." in row]
    wanted = sum((count + 1) // 2 for count in done)
    assert len(listeners) == wanted, f"{len(listeners)} listeners, not {wanted}"
    assert is_consistent()
    return f"two tools at once for {seconds} s: {sum(done)} rounds"
