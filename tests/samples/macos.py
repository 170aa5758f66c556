"""A process that the system tells as little as macOS does, and so it does those that it starts."""

# Run by every interpreter that finds it on its path, the fork server of a sweep among them.
SITECUSTOMIZE = """
import ctypes
import os
from pathlib import Path

import profiling.rows.own_process as own_process

del os.sched_getaffinity, os.sched_setaffinity
own_process.PROC = Path("/nowhere")  # before anybody takes it from there
find = ctypes.CDLL.__getattr__
HIDDEN = {"mallinfo2", "malloc_trim", "mallopt", "prctl"}


def find_but_hidden(library, name):
    if library._name is None and name in HIDDEN:
        raise AttributeError(name)
    return find(library, name)


ctypes.CDLL.__getattr__ = find_but_hidden
"""
