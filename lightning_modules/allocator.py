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
MOST_BLOCKS = 2**14


class _Mallinfo2(ctypes.Structure):
    """What glibc's `mallinfo2` returns, in bytes; it adds up all of its heaps."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


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
    """Tell whether a block that is freed and taken again has its pages still.

    One that fits between others on the heap has them by chance, in any process: what counts is
    the first block for which there is no room.
    """
    take_and_free(PROBE_BYTES)
    before = page_faults()
    take_and_free(PROBE_BYTES)
    return page_faults() - before <= MOST_FAULTS and not _gives_back()


def page_faults() -> int:
    """Return how many pages this process has been given so far, without reading a disk."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def take_and_free(size: int) -> None:
    """Take a block of so many bytes, write to all of it and free it; none where there is none."""
    libc = _library()
    block = libc.malloc(size)
    if block:
        libc.memset(block, 1, size)
        libc.free(block)


def handed_out() -> int:
    """Return the bytes that the C library has handed out: of its heaps, and as single blocks.

    Raises:
        AttributeError: It does not tell (musl, macOS, glibc before 2.33).
    """
    info = _count()
    return int(info.uordblks + info.hblkhd)


def _gives_back() -> bool:
    """Fill the heap until it must grow, with blocks to which nothing is written, and free them.

    Returns:
        False also where nobody tells, as where another allocator takes the place of glibc's.
    """
    libc = _library()
    blocks: list[int] = []
    try:
        held, used = _held(), handed_out()
    except AttributeError:
        return False
    while len(blocks) < MOST_BLOCKS and not _is_large(_held() - held):
        block = libc.malloc(PROBE_BYTES)
        if not block:
            break
        blocks.append(block)
        if not _is_large(handed_out() - used):
            break
    grew = _is_large(_held() - held)
    for block in blocks:
        libc.free(block)
    return grew and not _is_large(_held() - held)


def _is_large(size: int) -> bool:
    return size >= PROBE_BYTES // 2  # less may be the work of other threads


def _held() -> int:
    info = _count()
    return int(info.arena + info.hblkhd)


def _count() -> _Mallinfo2:
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = _Mallinfo2
    info: _Mallinfo2 = library.mallinfo2()
    return info


def _library() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    return libc
