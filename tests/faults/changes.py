# SPDX-License-Identifier: BSD-2-Clause
"""The changes that the faults interrupt: every verb that changes something, from where it begins, and how to get back
there. It expects nothing.
"""
import os

from handed_over import HANDED_OVER
from state import WORLD, of_former_contract, state, tool

MANY = 300


class Change:
    """A command, those that lead to where it begins, and those that lead back."""

    def __init__(self, name, command, before=(), undo=None, lists=("listeners",), stays=False, halves=(), again=False):
        """`undo`: from what it makes to what was before; none: all is made anew. `lists`: what it is after. `stays`: it
        leaves a process that waits. `halves`: what takes back what it leaves when it is killed, where that may be a part.
        `again`: where it fails late, it says so, and the same command ends it."""
        self.name, self.command, self.before, self.undo = name, command, before, undo
        self.lists, self.stays, self.halves, self.again = lists, stays, halves, again

    def prepare(self):
        """From whatever there is."""
        for command in (("rollback",), ("unload",), ("ephemeral", "set", "linux", "--unreserve", "1-65535", "--force")):
            tool(*command)
        self.follow(self.before)

    def take_back(self):
        """From what it made."""
        if self.undo is None:
            self.prepare()
        else:
            self.follow(self.undo)

    def follow(self, commands):
        for command in commands:
            if callable(command):
                command()
                continue
            done = tool(*command)
            if done.returncode != 0:
                raise RuntimeError(f"{self.name}: {command}: {done.stderr}")

    def states(self):
        """Before it and after it; leaves what is before."""
        self.prepare()
        before = state()
        done = tool(*self.command)
        after = state()
        if done.returncode != 0 or after == before:
            raise RuntimeError(f"{self.name} does nothing: {done.stderr}")
        self.take_back()
        if state() != before:
            raise RuntimeError(f"{self.name}: taking it back leads elsewhere: {state()}, not {before}")
        return before, after

    def line(self):
        return (*WORLD.tool(), *self.command)


ATTACH = ("attach", WORLD.host.dev, "--mode", "generic")
DETACH = ("detach", WORLD.host.dev)
LISTENER = ("listener", "add", "tcp", "*:80", "--name", "web")
FLOW = ("flow", "add", "tcp", "192.0.2.1:80", "192.0.2.2:40000")
FLOW6 = ("udp", "[2001:db8::1]:53", "[2001:db8::2]:4711")
GUARDED = ("listener", "add", "udp", "*:53", "--from", "10.0.0.0/8,2001:db8::/32", "--rate", "10")
SOME = (ATTACH, LISTENER, FLOW)
FLOW_TO_DROP = ("flow", "add", *FLOW6, "--to", "drop")
UPGRADE = ("upgrade",)
SET = ("set", "--enforce", "--closed", "drop", "--force")
UNSET = ("set", "--monitor", "--closed", "pass")
SET_FOR_A_TIME = ("set", "--enforce", "--confirm", "600", "--force")
REPLACE = ("listener", "replace", "tcp", "*:80", "--to", "drop", "--from", "10.0.0.0/8", "--force")
DELIVERED = ("listener", "add", "tcp", "192.0.2.1:90", "--to", "socket:web")
NO_SOCKET = ("socket", "unregister", "web")
NO_XSK = ("xsk", "unregister", "app", "--force")
NO_GROUP = ("group", "del", "web")
NOT_DELIVERED = ("listener", "del", "tcp", "192.0.2.1:90")
TO_XSK = ("listener", "add", "udp", "192.0.2.1:91", "--to", "xsk:app")
GROUP = ("group", "add", "web", "dev:xs0=3", "drop", "--sticky")
CHANGED_GROUP = ("group", "set", "web", "dev:lo=2", "reject=1", "drop=0", "--remove", "dev:xs0")
GROUP_AS_IT_WAS = ("group", "set", "web", "dev:xs0=3", "drop=1", "--remove", "dev:lo", "--remove", "reject")
SHARED_A = ("listener", "add", "udp", "*:54", "--reuseport", "--to", "dev:xs0", "--name", "a")
SHARED_B = ("listener", "add", "udp", "*:54", "--reuseport", "--to", "dev:lo", "--name", "b")
BLOCK = ("scan", "block", "192.0.2.77", "86400")
PORTS = ("ephemeral", "set", "20000-60999", "--reserve", "41000", "--force")
OWN_PORTS = ("ephemeral", "set", "linux", "--unreserve", "1-65535", "--force")
LEASE = ("ephemeral", "lease", "tcp", "127.0.0.1", "127.0.0.1:443", "--range", "62000-62003", "--count", "4")
MORE_LEASES = (*LEASE[:-3], "62010-62013", "--count", "4")
LEASED_BLOCK = ("ephemeral", "lease", "tcp", "127.0.0.1", "--block", "4", "--range", "62000-62003")
RELEASE = ("ephemeral", "release", "--all")


def deleted(listener):
    return ("listener", "del", *listener[2:4])


def changes_of_instances():
    return (
        Change("attach, new", ATTACH, (), (("unload",),)),
        Change("attach, more", ATTACH, (LISTENER, FLOW), (DETACH,)),
        Change("detach", DETACH, SOME, (ATTACH,)),
        Change("unload", ("unload",), SOME),
        Change("unload, leases", ("unload",), (*SOME, LEASE)),
        Change("unload, socket", ("unload",), (*SOME, DELIVERED)),
        Change("set", SET, SOME, (UNSET,)),
        Change("set, socket", SET, (*SOME, DELIVERED), (UNSET,)),
        Change("set, confirm", SET_FOR_A_TIME, SOME, (("rollback",),)),
        Change("confirm", ("confirm",), (*SOME, SET_FOR_A_TIME), (UNSET, SET_FOR_A_TIME)),
        Change("rollback", ("rollback",), (*SOME, SET_FOR_A_TIME), (SET_FOR_A_TIME,)),
        Change("upgrade", UPGRADE, (*SOME, FLOW_TO_DROP, of_former_contract), (of_former_contract,), ("listeners", "flows"),
               halves=(UPGRADE, of_former_contract), again=True),
    )


def changes_of_tables():
    return (
        Change("listener add", ("listener", "add", "tcp", "192.0.2.1:8000-8003", "--to", "drop"), SOME,
               (("listener", "del", "tcp", "192.0.2.1:8000-8003"),)),
        Change("listener add, guarded", GUARDED, SOME, (deleted(GUARDED),)),
        Change("listener replace", REPLACE, SOME, (("listener", "replace", *LISTENER[2:]),)),
        Change("listener del", deleted(GUARDED), (*SOME, GUARDED), (GUARDED,)),
        Change("flow add", FLOW_TO_DROP, SOME, (("flow", "del", *FLOW6),), ("flows",)),
        Change("flow del", ("flow", "del", *FLOW[2:]), SOME, (FLOW,), ("flows",)),
        Change("flow flush", ("flow", "flush"), SOME, (FLOW,), ("flows",)),
        Change("scan block", BLOCK, SOME, (("scan", "unblock", "--all"),), ("blocks",)),
        Change("scan unblock", ("scan", "unblock", "--all"), (*SOME, BLOCK), (BLOCK,), ("blocks",)),
    )


def changes_of_targets():
    return (
        Change("listener add, socket", DELIVERED, SOME, (NOT_DELIVERED,)),
        Change("listener del, socket", NOT_DELIVERED, (*SOME, DELIVERED), (DELIVERED,)),
        Change("socket register", HANDED_OVER.socket("web"), SOME, (NO_SOCKET,), ("sockets",)),
        Change("socket register, in use", HANDED_OVER.socket("web", 1), (*SOME, HANDED_OVER.socket("web"), DELIVERED),
               (HANDED_OVER.socket("web"),), ("sockets",)),
        Change("socket unregister", NO_SOCKET, (*SOME, HANDED_OVER.socket("web")), (HANDED_OVER.socket("web"),), ("sockets",)),
        Change("xsk register", HANDED_OVER.xsk("app"), (*SOME, TO_XSK), (NO_XSK,), ("xsks",)),
        Change("xsk unregister", NO_XSK, (*SOME, TO_XSK, HANDED_OVER.xsk("app")), (HANDED_OVER.xsk("app"),), ("xsks",)),
        Change("group add", GROUP, SOME, (NO_GROUP,), ("groups",)),
        Change("group set", CHANGED_GROUP, (*SOME, GROUP), (GROUP_AS_IT_WAS,), ("groups",)),
        Change("group del", NO_GROUP, (*SOME, GROUP), (GROUP,), ("groups",)),
        Change("listener add, shared", SHARED_B, (*SOME, SHARED_A), ((*deleted(SHARED_B), "--name", "b"),), ("listeners", "groups")),
        Change("listener del, shared", (*deleted(SHARED_A), "--name", "a"), (*SOME, SHARED_B, SHARED_A), (SHARED_A,),
               ("listeners", "groups")),
    )


def changes_of_ports():
    return (
        Change("ephemeral set", PORTS, (), (OWN_PORTS,), ("ports",), halves=(OWN_PORTS,)),
        Change("ephemeral set, confirm", (*PORTS, "--confirm", "600"), (), (("rollback",),), ("ports",), stays=True, halves=(("rollback",),)),
        Change("ephemeral confirm", ("confirm",), ((*PORTS, "--confirm", "600"),), (OWN_PORTS, (*PORTS, "--confirm", "600")), ("ports",)),
        Change("ephemeral rollback", ("rollback",), ((*PORTS, "--confirm", "600"),), ((*PORTS, "--confirm", "600"),), ("ports",),
               halves=(("rollback",), (*PORTS, "--confirm", "600"))),
        Change("ephemeral lease", LEASE, (*SOME, PORTS), (RELEASE,), ("leases", "ports"), halves=(RELEASE,)),
        Change("ephemeral lease, block", LEASED_BLOCK, (*SOME, PORTS), (RELEASE,), ("leases", "ports"), halves=(RELEASE,)),
        Change("ephemeral lease, more", MORE_LEASES, (*SOME, PORTS, LEASE), lists=("leases", "ports"), halves=(RELEASE, LEASE)),
        Change("ephemeral release", RELEASE, (*SOME, PORTS, LEASE), (LEASE,), ("leases", "ports"), halves=(RELEASE, LEASE)),
        Change("ephemeral release, block", RELEASE, (*SOME, PORTS, LEASED_BLOCK), (LEASED_BLOCK,), ("leases", "ports"), halves=(RELEASE, LEASED_BLOCK)),
    )


def changes():
    """Every verb that changes something."""
    return (*changes_of_instances(), *changes_of_tables(), *changes_of_targets(), *changes_of_ports())


def batch(name, lines):
    """A file with these lines."""
    path = os.path.join(WORLD.scratch.name, name)
    with open(path, "w") as file:
        file.write("\n".join(lines))
    return path


def large_changes():
    """Batches, which take longer: there is more to interrupt."""
    add = ("listener", "add", "--batch", batch("listeners", (f"tcp 192.0.2.1:{port} --to drop" for port in range(1000, 1000 + MANY))))
    delete = ("listener", "del", "--batch", batch("deleted", (f"tcp 192.0.2.1:{port}" for port in range(1000, 1000 + MANY))))
    return (
        Change("listener add --batch", add, (*SOME, GUARDED), (delete,)),
        Change("listener del --batch", delete, (*SOME, GUARDED, add), (add,)),
    )
