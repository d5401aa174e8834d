#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [PATTERN...]

xdemux on VLAN, bridge and bond devices, and beside another XDP program: the tests of this folder, or those whose names
match a pattern (as `python3 -m unittest -k`). XDEMUX_TOOL is the tool under test, XDEMUX_PASS the object of
tests/services/pass.bpf.c, XDEMUX_TIME_SCALE multiplies the limits on slow machines.
"""
import os
import shutil
import signal
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../services"))
from world import PASS, TOOL, WORLD  # noqa: E402

PROGRAMS = (TOOL, "ip", "ethtool", "nsenter", "xdp-loader")
DEVICES = ("vlan", "bridge", "bond")
SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt


def lacking_devices():
    """The kinds of devices that the kernel does not have, by making one of each."""
    below, name = f"xdb{os.getpid()}", f"xdt{os.getpid()}"

    def link(*words):
        return subprocess.run(("ip", "link", *words), capture_output=True).returncode == 0

    lacking = []
    link("add", below, "type", "veth")
    for kind in DEVICES:
        options = ("link", below, "name", name, "type", kind, "id", "7") if kind == "vlan" else (name, "type", kind)
        lacking += [] if link("add", *options) else [kind]
        link("del", name)
    link("del", below)
    return lacking


def missing():
    """Why the tests cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "it needs root; run it with sudo"
    absent = [program for program in PROGRAMS if not shutil.which(program)]
    absent += [] if os.path.exists(PASS) else [PASS]
    if absent:
        return f"missing: {', '.join(absent)}; run scripts/setup"
    lacking = lacking_devices()
    return f"this kernel has no devices of the kind {', '.join(lacking)}; run vm/test" if lacking else ""


def main(patterns):
    why = missing()
    if why:
        print(f"devices: cannot run: {why}", file=sys.stderr)
        # A privileged test that cannot run is a skip on a laptop, and a failure in CI.
        return 1 if os.environ.get("CI") else SKIPPED
    loader = unittest.TestLoader()
    loader.testNamePatterns = [f"*{pattern}*" for pattern in patterns] or None
    suite = loader.discover(HERE, pattern="*_test.py")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        WORLD.set_up()
        return 0 if unittest.TextTestRunner(verbosity=2, descriptions=False).run(suite).wasSuccessful() else 1
    finally:
        WORLD.tear_down()


sys.exit(main(sys.argv[1:]))
