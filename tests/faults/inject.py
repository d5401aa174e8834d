# SPDX-License-Identifier: BSD-2-Clause
"""Every system call of every change fails in turn: what is there afterwards is what was there before, or what was asked
for, and the command says which.
"""
import collections
import contextlib
import itertools
import os
import re
import subprocess

from changes import changes
from state import WORLD, agrees, is_consistent, state, tool

# By system call: the error that a full or forbidding system gives.
ERRORS = {"bpf": "ENOMEM", "mmap": "ENOMEM", "openat": "EMFILE", "socket": "ENOBUFS", "bind": "ENOMEM", "sendmsg": "ENOBUFS",
          "recvmsg": "ENOBUFS", "sendto": "ENOBUFS", "recvfrom": "ENOBUFS", "getsockopt": "ENOMEM", "setsockopt": "ENOMEM",
          "mkdir": "ENOSPC", "mkdirat": "ENOSPC", "rename": "ENOSPC", "renameat": "ENOSPC", "renameat2": "ENOSPC",
          "link": "ENOSPC", "unlink": "EPERM", "unlinkat": "EPERM", "rmdir": "EPERM", "ftruncate": "ENOSPC",
          "flock": "ENOLCK", "fcntl": "EMFILE", "dup3": "EMFILE", "getdents64": "ENOMEM",
          "write": "ENOSPC", "pwrite64": "ENOSPC", "read": "EIO", "statfs": "EIO"}
CALL = re.compile(r"^(?:\d+ +)?(\w+)\(")
NUMBER = re.compile(r"-?(0x[0-9a-f]+|\d+)")

Call = collections.namedtuple("Call", "name number looks")
Case = collections.namedtuple("Case", "change call when")


def strace(change, *options):
    """Its command line; a process that stays is not waited for."""
    follow = () if change.stays else ("-f",)
    return ("strace", *follow, "-qq", *options, *change.line())


def trace(change):
    """The calls that the command makes once its loader is done, each as a Call."""
    change.prepare()
    log = os.path.join(WORLD.scratch.name, "calls")
    subprocess.run(strace(change, "-o", log), stdin=subprocess.DEVNULL, capture_output=True)
    counts, calls, loaded = collections.Counter(), [], False
    with open(log) as file:
        for line in file:
            if not (found := CALL.match(line)):
                continue
            counts[found[1]] += 1
            # Up to here the dynamic loader and libraries start; the first thing that is ours asks for capabilities, a
            # namespace or a table.
            loaded = loaded or found[1] in ("setns", "bpf", "prctl", "socket", "statfs")
            if loaded:
                calls.append(Call(found[1], counts[found[1]], NUMBER.sub("", line.partition(" = ")[0])))
    return calls


def common(some, others):
    """With how many calls of the same looks both begin."""
    same = itertools.takewhile(lambda pair: pair[0].looks == pair[1].looks, zip(some, others))
    return sum(1 for _ in same)


# Those that others begin like.
FIRST = ("listener add", "set", "attach, new", "ephemeral lease")


def cases(chosen):
    """Each call of each change; those with which one begins as one of FIRST does are that one's alone."""
    first = {change.name: trace(change) for change in changes() if change.name in FIRST}
    for change in chosen:
        calls = first.get(change.name) or trace(change)
        earlier = FIRST[:FIRST.index(change.name)] if change.name in FIRST else FIRST
        known = max((common(calls, first[name]) for name in earlier), default=0)
        yield from (Case(change, call.name, call.number) for call in calls[known:] if call.name in ERRORS)


def injected(case):
    """Runs the change with that call failing. Only that call stops for strace, where it can ask for so much."""
    options = () if case.change.stays else ("--seccomp-bpf",)
    fault = f"inject={case.call}:error={ERRORS[case.call]}:when={case.when}"
    return subprocess.run(strace(case.change, *options, "-o", "/dev/null", "-e", f"trace={case.call}", "-e", fault),
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def outcome(case, before, after):
    """What is wrong, or an empty text; and whether it is done after all."""
    done = injected(case)
    now = state(case.change.lists)
    if case.change.again and not agrees(now, before) and "upgrade again" in done.stderr:
        done, now = tool(*case.change.command), state(case.change.lists)
    made = agrees(now, after)
    if not made and not agrees(now, before):
        return f"between: exit {done.returncode}: {done.stderr}{now}\nbefore: {before}\nafter: {after}", made
    if (done.returncode == 0) != made:
        return f"it says otherwise than it did: exit {done.returncode}: {done.stderr}{now}", made
    return ("", made) if done.returncode in range(0, 9) else (f"exit {done.returncode}: {done.stderr}", made)


def closer_look(change, before, after):
    """Where all failed: what is wrong with all that was before, with the next try, and with all that it makes."""
    if (now := state()) != before:
        return f"something else is changed: {now}\nbefore: {before}"
    if not is_consistent():
        return "verify finds a mismatch"
    again = tool(*change.command)
    if again.returncode != 0 or (now := state()) != after:
        return f"the next try does not work: {again.stderr}{now}\nafter: {after}"
    change.take_back()
    return ""


class Trials:
    """The cases of one change, one after the other; whatever one leaves stays for the next, and so for the closer looks."""

    EACH = 12

    def __init__(self, change):
        self.change, self.failures, self.since = change, 0, 0
        self.before, self.after = change.states()

    def try_one(self, case):
        wrong, made = outcome(case, self.before, self.after)
        self.since += 1
        if made and not wrong:
            if not is_consistent():
                wrong = "verify finds a mismatch"
            self.change.take_back()
        elif not wrong and self.since >= self.EACH:
            wrong = self.look()
        if wrong:
            self.tell(f"call {case.when} of {case.call} with {ERRORS[case.call]}: {wrong}")

    def look(self):
        wrong = closer_look(self.change, self.before, self.after)
        wrong, self.since = f"by now, {self.since} cases after the last look: {wrong}" if wrong else "", 0
        return wrong

    def end(self):
        if self.since and (wrong := self.look()):
            self.tell(wrong)

    def tell(self, wrong):
        self.failures += 1
        print(f"    {self.change.name}: {wrong}", flush=True)
        self.change.prepare()


def run(count, part, random):
    """`count` of the cases (0: all), drawn at random, or the part of them that is asked for; prints what fails, and returns
    how many there were by change, and how many failed."""
    drawn = list(cases(part.of(changes())))
    if count:
        drawn = sorted(random.sample(drawn, min(part.share(count), len(drawn))), key=drawn.index)
    failures, tally = 0, collections.Counter()
    with contextlib.suppress(KeyboardInterrupt):  # then what was done until then counts
        for change, some in itertools.groupby(drawn, key=lambda case: case.change):
            trials = Trials(change)
            for case in some:
                trials.try_one(case)
                tally[change.name] += 1
            trials.end()
            failures += trials.failures
    return tally, failures
