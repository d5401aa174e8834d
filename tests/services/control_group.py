# SPDX-License-Identifier: BSD-2-Clause
"""A control group of the kernel's memory controller, version 1 or 2: what the processes in it took, tables included, and
a limit for it.
"""
import os

from world import wait_for

OLD, NEW = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"


class ControlGroup:
    def __init__(self, name):
        self.old = os.path.exists(os.path.join(OLD, "memory.limit_in_bytes"))
        self.path = os.path.join(OLD if self.old else NEW, f"xdemux-{name}-{os.getpid()}")
        os.mkdir(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        wait_for(lambda: not self.read("cgroup.procs"), "the group is empty")
        os.rmdir(self.path)

    def read(self, name):
        with open(os.path.join(self.path, name)) as file:
            return file.read()

    def write(self, name, value):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(str(value))

    def limit(self, size):
        """Bytes."""
        self.write("memory.limit_in_bytes" if self.old else "memory.max", size)

    def enter(self):
        """For the calling process, as subprocess's preexec_fn."""
        self.write("cgroup.procs", os.getpid())

    def kernel_memory(self):
        """Bytes of the kernel's own: maps and programs, no page of a file."""
        if self.old:
            return int(self.read("memory.kmem.usage_in_bytes"))
        return int(next(line.split()[1] for line in self.read("memory.stat").splitlines() if line.startswith("kernel ")))
