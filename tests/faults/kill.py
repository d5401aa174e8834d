# SPDX-License-Identifier: BSD-2-Clause
"""SIGKILL at random moments of changes: the next command finds, or makes, the state before or after; and the attached
program does what the tables say.
"""
import collections
import contextlib
import itertools
import signal
import subprocess
import time

from changes import changes, large_changes
from state import is_consistent, state, tool

OUTCOMES = {"before": "as before", "after": "as asked for", "halves": "with a part to take back"}


def recover(change):
    """The next command that changes something; what a killed one left is cleared by it. One that adds and one that
    takes away, so that the state is what it was; or, without an instance, one that finds nothing to do."""
    loaded = state()["loaded"]
    if loaded not in (True, False):  # of a contract version that is not ours: the next command is the change itself
        return ""
    if not loaded:
        done = tool("detach", "--all")
        return "" if done.returncode == 3 else f"{change.name}: the next command: exit {done.returncode}: {done.stderr}"
    for verb in ("add", "del"):
        done = tool("listener", verb, "udp", "127.0.0.9:9")
        if done.returncode != 0:
            return f"{change.name}: the next command fails: {done.stderr}"
    return ""


class Moment:
    """When to kill: at random within the time that the command takes, which is found on the way."""

    def __init__(self, seconds):
        self.seconds = seconds

    def draw(self, random):
        return random.uniform(0.2, 1) * self.seconds

    def note(self, was_in_time):
        self.seconds *= 1.03 if was_in_time else 0.9


def killed(change, moment, random):
    """Starts the change and kills it; returns whether it was still at work."""
    with subprocess.Popen(change.line(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        time.sleep(moment.draw(random))
        run.send_signal(signal.SIGKILL)
        in_time = run.wait() == -signal.SIGKILL
    moment.note(in_time)
    return in_time


def timed(change):
    """How long it takes; leaves what was before."""
    start = time.monotonic()
    tool(*change.command)
    seconds = time.monotonic() - start
    change.take_back()
    return seconds


def judge(change, before, after):
    """What was found after it was killed, and what is wrong with it; leaves what the change makes."""
    if wrong := recover(change):
        return "", wrong
    now = state()
    if now not in (before, after) and change.halves:
        change.follow(change.halves)
        return "halves", "" if state() == before else f"{change.name}: what it left cannot be taken back: {state()}"
    if now not in (before, after):
        return "", f"{change.name}: between:\n{now}\nbefore: {before}\nafter: {after}"
    if not is_consistent():
        return "", f"{change.name}: verify finds a mismatch"
    if now == after:
        return "after", ""
    again = tool(*change.command)
    if again.returncode != 0 or state() != after:
        return "", f"{change.name}: the next try does not work: {again.stderr}{state()}"
    return "before", ""


def kill_one(change, known, random):
    """Kills it until it was at work when it was killed; returns what judge() does."""
    before, after, moment = known
    while not killed(change, moment, random):
        change.take_back()
    found, wrong = judge(change, before, after)
    if wrong:
        change.prepare()
    elif found != "halves":
        change.take_back()
    return found, wrong


def run(count, part, random):
    """Kills `count` changes at work, of all changes or the part of them that is asked for; prints what fails, and returns
    how many by name, and how many failed."""
    all_changes = (*changes(), *large_changes())
    tally, outcomes, failures = collections.Counter(), collections.Counter(), 0
    with contextlib.suppress(KeyboardInterrupt):  # then what was done until then counts
        for number, change in part.of(tuple(enumerate(all_changes))):
            share = len(range(number, count, len(all_changes)))
            known = (*change.states(), Moment(timed(change))) if share else ()
            for _ in itertools.repeat(None, share):
                found, wrong = kill_one(change, known, random)
                tally[change.name] += 1
                outcomes[found] += 1
                if wrong:
                    failures += 1
                    print(f"    {wrong}", flush=True)
    print("killed at work: " + ", ".join(f"{outcomes[found]} {what}" for found, what in OUTCOMES.items()), flush=True)
    return tally, failures
