# SPDX-License-Identifier: BSD-2-Clause
"""Every system call of every change fails in turn: what is there afterwards is what was there before, or what was asked
for, and the command says which.
"""
import collections
import contextlib
import os
import re
import subprocess

from state import WORLD, changes, is_consistent, state, tool

# By system call: the error that a full or forbidding system gives.
ERRORS = {"bpf": "ENOMEM", "mmap": "ENOMEM", "openat": "EMFILE", "socket": "ENOBUFS", "bind": "ENOMEM", "sendmsg": "ENOBUFS",
          "recvmsg": "ENOBUFS", "sendto": "ENOBUFS", "recvfrom": "ENOBUFS", "getsockopt": "ENOMEM", "setsockopt": "ENOMEM",
          "mkdir": "ENOSPC", "mkdirat": "ENOSPC", "rename": "ENOSPC", "renameat": "ENOSPC", "renameat2": "ENOSPC",
          "link": "ENOSPC", "unlink": "EPERM", "unlinkat": "EPERM", "rmdir": "EPERM", "ftruncate": "ENOSPC",
          "flock": "ENOLCK", "fcntl": "EMFILE", "dup3": "EMFILE", "getdents64": "ENOMEM",
          "write": "ENOSPC", "pwrite64": "ENOSPC", "read": "EIO", "statfs": "EIO"}
CALL = re.compile(r"^\d+ +(\w+)\(")

Case = collections.namedtuple("Case", "change call when")


def calls_of(change):
    """How often the command makes each of the calls that can fail here, and how many of them are its loader's."""
    change.prepare()
    log = os.path.join(WORLD.scratch.name, "calls")
    subprocess.run(("strace", "-f", "-qq", "-o", log, *change.line()), stdin=subprocess.DEVNULL, capture_output=True)
    calls, loaders = collections.Counter(), None
    with open(log) as file:
        for line in file:
            if not (found := CALL.match(line)):
                continue
            # Up to here the dynamic loader and libraries start; the first thing that is ours asks for capabilities, a
            # namespace or a table.
            if loaders is None and found[1] in ("setns", "bpf", "prctl", "socket", "statfs"):
                loaders = collections.Counter(calls)
            calls[found[1]] += 1
    return {call: range(loaders[call] + 1, count + 1) for call, count in calls.items() if call in ERRORS}


def cases():
    for change in changes():
        for call, times in calls_of(change).items():
            for when in times:
                yield Case(change, call, when)


def injected(case):
    """Runs the change with that call failing."""
    fault = f"inject={case.call}:error={ERRORS[case.call]}:when={case.when}"
    return subprocess.run(("strace", "-f", "-qq", "-o", "/dev/null", "-e", fault, *case.change.line()), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)


def outcome(case, states):
    """What is wrong, or an empty text. `states`: of each change, before and after, by its name."""
    before, after, stops = states[case.change.name]
    done = injected(case)
    now = state()
    if now not in (before, after, *stops):
        return f"between: exit {done.returncode}: {done.stderr}{now}\nbefore: {before}\nafter: {after}"
    if done.returncode == 0 and now != after:
        return "it says success, and changed nothing"
    if done.returncode != 0 and now not in (before, *stops):
        return f"it says failure, and changed everything: exit {done.returncode}: {done.stderr}"
    if done.returncode not in range(0, 9):
        return f"exit {done.returncode}: {done.stderr}"
    if not is_consistent():
        return "verify finds a mismatch"
    again = tool(*case.change.command) if done.returncode else done
    if again.returncode != 0 or state() != after:
        return f"the next try does not work: {again.stderr}"
    return ""


def run(count, random):
    """`count` of the cases (0: all), drawn at random; prints what fails, and returns how many there were
    and how many failed."""
    states, drawn = {change.name: change.states() for change in changes()}, list(cases())
    if count:
        drawn = random.sample(drawn, min(count, len(drawn)))
    failures, tally = 0, collections.Counter()
    with contextlib.suppress(KeyboardInterrupt):  # then what was done until then counts
        for case in drawn:
            case.change.prepare()
            wrong = outcome(case, states)
            tally[case.change.name] += 1
            if wrong:
                failures += 1
                print(f"    {case.change.name}: call {case.when} of {case.call} with {ERRORS[case.call]}: {wrong}", flush=True)
    return tally, failures
