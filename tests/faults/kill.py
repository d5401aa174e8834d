# SPDX-License-Identifier: BSD-2-Clause
"""SIGKILL at random moments of changes: the next command finds, or makes, the state before or after; and the attached
program does what the tables say.
"""
import collections
import contextlib
import signal
import subprocess
import time

from state import ATTACH, FLOW, GUARDED, LISTENER, Change, batch, changes, is_consistent, state, tool

MANY = 300


def large_changes():
    """Batches, which take longer: there is more to interrupt."""
    listeners = batch("listeners", (f"tcp 192.0.2.1:{port} --to drop" for port in range(1000, 1000 + MANY)))
    some = (ATTACH, LISTENER, FLOW, GUARDED)
    return (
        Change("listener add --batch", ("listener", "add", "--batch", listeners), some),
        Change("listener del --batch", ("listener", "del", "--batch", batch("deleted", (f"tcp 192.0.2.1:{port}" for port in range(1000, 1000 + MANY)))),
               (*some, ("listener", "add", "--batch", listeners))),
    )


def recover(change):
    """The next command that changes something; what a killed one left is cleared by it. One that adds and one that
    takes away, so that the state is what it was."""
    if state()["loaded"] is not True:
        return ""
    for verb in ("add", "del"):
        done = tool("listener", verb, "udp", "127.0.0.9:9")
        if done.returncode != 0:
            return f"{change.name}: the next command fails: {done.stderr}"
    return ""


def killed(change, random, seconds):
    """Starts the change and kills it; returns whether it had ended before."""
    with subprocess.Popen(change.line(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        time.sleep(random.uniform(0, 0.7 * seconds))
        run.send_signal(signal.SIGKILL)
        return run.wait() != -signal.SIGKILL


def timed(change):
    """How long it takes."""
    change.prepare()
    start = time.monotonic()
    tool(*change.command)
    return time.monotonic() - start


def interrupt(change, known, random):
    """Kills it once; returns what was interrupted, and what is wrong afterwards."""
    before, after, stops, seconds = known[change.name]
    change.prepare()
    name = "ended before" if killed(change, random, seconds) else change.name
    if wrong := recover(change):
        return name, wrong
    now = state()
    if now not in (before, after, *stops):
        return name, f"{change.name}: between:\n{now}\nbefore: {before}\nafter: {after}"
    if not is_consistent():
        return name, f"{change.name}: verify finds a mismatch"
    if now != after:
        again = tool(*change.command)
        if again.returncode != 0 or state() != after:
            return name, f"{change.name}: the next try does not work: {again.stderr}{state()}"
    return name, ""


def run(count, random):
    """Kills `count` changes; prints what fails, and returns how many by name, and how many failed."""
    all_changes = (*changes(), *large_changes())
    known = {change.name: (*change.states(), timed(change)) for change in all_changes}
    tally, failures = collections.Counter(), 0
    with contextlib.suppress(KeyboardInterrupt):  # then what was done until then counts
        for number in range(count):
            name, wrong = interrupt(all_changes[number % len(all_changes)], known, random)
            tally[name] += 1
            if wrong:
                failures += 1
                print(f"    {wrong}", flush=True)
    return tally, failures
