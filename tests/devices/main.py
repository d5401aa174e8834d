#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: main.py [PATTERN...]

xdemux on VLAN, bridge, bond and VRF devices, and beside another XDP program: the tests of this folder, or those whose names
match a pattern (as `python3 -m unittest -k`). XDEMUX_TOOL is the tool under test, XDEMUX_PASS the object of
tests/services/pass.bpf.c, XDEMUX_TIME_SCALE multiplies the limits on slow machines.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../services"))
from entry import run_suite, tests_of  # noqa: E402

DEVICES = {"vlan": ("id", "7"), "bridge": (), "bond": (), "vrf": ("table", "7")}


def lacking_devices():
    """Why the tests cannot run here, found by making one of each kind of device, or nothing."""
    below, name = f"xdb{os.getpid()}", f"xdt{os.getpid()}"

    def link(*words):
        return subprocess.run(("ip", "link", *words), capture_output=True).returncode == 0

    lacking = []
    link("add", below, "type", "veth")
    for kind, options in DEVICES.items():
        place = ("link", below) if kind == "vlan" else ()
        lacking += [] if link("add", *place, "name", name, "type", kind, *options) else [kind]
        link("del", name)
    link("del", below)
    return f"this kernel has no devices of the kind {', '.join(lacking)}; run vm/test" if lacking else ""


def main(patterns):
    return run_suite("devices", ("xdp-loader",), lambda: tests_of(HERE, patterns), lacking_devices)


sys.exit(main(sys.argv[1:]))
