"""Memory that a process has in use now, to the byte: what it took and has not freed.

Resident memory would not tell: a process that keeps what it frees has more of it than it uses.
"""

import ctypes
from functools import cache

import torch

from profiling.instruments.memory import MIB

PROBE_BYTES = 4 * MIB


class _Mallinfo2(ctypes.Structure):
    """What glibc's `mallinfo2` returns, in bytes; it adds up all of its heaps."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def allocated_mib(device: str) -> float | None:
    """Return what this process has in use on a device, in MiB; None where it cannot be read.

    On a CPU that is what the C library has handed out; before glibc 2.33, or where another
    allocator takes its place, nobody tells.
    """
    if device == "cuda":
        return torch.cuda.memory_allocated() / MIB
    return _handed_out() / MIB if _can_be_read() else None


def _handed_out() -> int:
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = _Mallinfo2
    info = library.mallinfo2()
    return int(info.uordblks + info.hblkhd)  # of the heaps, and blocks with a mapping of their own


@cache
def _can_be_read() -> bool:
    """Take a block as torch does, and see whether it is counted."""
    try:
        before = _handed_out()
    except AttributeError:  # musl, macOS
        return False
    block = torch.empty(PROBE_BYTES, dtype=torch.uint8)
    return _handed_out() - before >= block.nbytes
