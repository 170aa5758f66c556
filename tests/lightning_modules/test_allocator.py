"""Freed memory stays with a process that was told to keep it, and goes back in another."""

import subprocess
import sys

import pytest

from tests.samples.forks import said_in_forks
from tests.samples.places import ROOT

# Of the size of a score matrix: 32 MiB, so 8,192 pages.
STEP = """
import torch
from lightning_modules.allocator import {imported}
from lightning_modules.allocator import page_faults
def step():
    scores = torch.ones(8, 1024, 1024)
    return scores.softmax(-1).sum()
kept = {called}
# What is small comes from the pieces of the heap at first, and bites into those of large blocks.
for _ in range(24):
    step()
faults = []
for _ in range(7):
    before = page_faults()
    step()
    faults.append(page_faults() - before)
# In single steps the heap grows, when it has come to lie in pieces.
print(kept, sorted(faults)[3], ",".join(map(str, faults)))
"""
# One process that was told to keep what it frees, asked for all that is to hold in it.
KEEPING = (
    STEP.format(imported="keep_freed_memory", called="keep_freed_memory()")
    + """
from lightning_modules.allocator import take_and_free
take_and_free(2200 * 2**20)
before = page_faults()
take_and_free(2200 * 2**20)
print(page_faults() - before)
"""
)
PROBING = STEP.format(imported="keeps_freed_memory", called="keeps_freed_memory()")


@pytest.fixture(scope="module")
def said() -> list[list[str]]:
    """Return the words of a process that was told to keep memory, and of one that was not."""
    return [words.split() for words in said_in_forks(KEEPING, PROBING)]


@pytest.fixture
def keeping(said: list[list[str]]) -> tuple[int, int]:
    """Return the faults of a step, and those of two GiB at once, of the one that keeps memory."""
    kept, of_a_step, _, of_much = said[0]
    if kept == "False":
        pytest.skip("this C library keeps nothing")
    return int(of_a_step), int(of_much)


def test_a_step_finds_its_pages_where_freed_memory_is_kept(
    keeping: tuple[int, int], said: list[list[str]]
) -> None:
    assert keeping[0] <= 50, f"faults of each step: {said[0][2]}"


def test_a_process_keeps_more_than_two_gib_that_it_freed_at_once(
    keeping: tuple[int, int],
) -> None:
    assert keeping[1] <= 50


def test_a_probe_says_kept_only_where_there_are_no_faults(said: list[list[str]]) -> None:
    found, faults, _ = said[1]
    assert (found == "True") == (int(faults) <= 50)


# Small blocks come from the heap; what was the last of them keeps the heap from being made smaller.
HOLE = """
import ctypes
from lightning_modules.allocator import keep_freed_memory, keeps_freed_memory
from lightning_modules.allocator import page_faults, take_and_free
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
blocks = [libc.malloc(64 * 2**10) for _ in range(1600)]
for block in blocks:
    ctypes.memset(block, 1, 64 * 2**10)
last = libc.malloc(64 * 2**10)
for block in blocks:
    libc.free(block)
take_and_free(40 * 2**20)
before = page_faults()
take_and_free(40 * 2**20)
fills = page_faults() - before <= 50 and hasattr(libc, "mallinfo2")
print(fills, keeps_freed_memory(), keeps_freed_memory(), keep_freed_memory(), keeps_freed_memory())
"""


def test_a_hole_in_the_heap_into_which_the_probe_fits_is_no_kept_memory() -> None:
    command = [sys.executable, "-c", HOLE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = done.stdout.split()
    if said[0] == "False":
        pytest.skip("this C library fills no holes, or does not tell how large its heap is")
    assert said[1:] == ["False", "False", "True", "True"]
