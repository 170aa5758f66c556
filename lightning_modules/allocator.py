"""Memory that a process frees stays with it, so that its next step finds the pages it needs.

The C library gives large blocks back to the system as soon as they are freed, and the system clears
every page that it hands out again: on a CPU up to half of the time of a step. On a GPU torch keeps
what was freed; with these functions a CPU does the same.
"""

import ctypes
import resource

# Of glibc's malloc.h. Blocks of any size come from the heap, which is never made smaller (-1: the
# largest threshold that can be written as a number is 2 GiB, and large models free more), and there
# is one heap: those of further threads are given back whatever these settings say.
SETTINGS = {"M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, -1), "M_ARENA_MAX": (-8, 1)}
# Larger than any block that glibc would keep by itself.
PROBE_BYTES = 40 * 2**20
MOST_FAULTS = 50


def keep_freed_memory() -> bool:
    """Make this process keep the memory that it frees; tell whether it does so now.

    Its resident memory then stays at the highest that it ever was. It must be called before there
    are other threads. What it does is undone by nothing.

    Returns:
        False where the C library has no such settings, or another one takes its place.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl, macOS
        return keeps_freed_memory()
    for parameter, value in SETTINGS.values():
        mallopt(parameter, value)
    return keeps_freed_memory()


def keeps_freed_memory() -> bool:
    """Tell whether a block that is freed and taken again has its pages still."""
    take_and_free(PROBE_BYTES)
    before = page_faults()
    take_and_free(PROBE_BYTES)
    return page_faults() - before <= MOST_FAULTS


def page_faults() -> int:
    """Return how many pages this process has been given so far, without reading a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def take_and_free(size: int) -> None:
    """Take a block of so many bytes, write to all of it and free it; none where there is none."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    block = libc.malloc(size)
    if block:
        libc.memset(block, 1, size)
        libc.free(block)
