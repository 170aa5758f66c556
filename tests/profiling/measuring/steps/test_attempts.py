"""What is tried in a process that has measured before finds its pages, and gives them back last."""

from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerContext

import pytest

from lightning_modules.allocator import keep_freed_memory, page_faults, take_and_free
from profiling.measuring.process_limits import forget
from profiling.measuring.steps import attempts
from profiling.measuring.steps.attempts import if_it_fits
from profiling.planning.points import Point
from tests.samples.children import in_child
from tests.samples.variants.points import points_of

(POINT, *_) = points_of("text", [24], ["bert"])
SIZE = 64 * 2**20


def _under(allocator: str) -> Point:
    return replace(POINT, conditions=replace(POINT.conditions, allocator=allocator))


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return whether pages were kept, at each time that memory was given back."""
    found: list[bool] = []
    monkeypatch.setattr(attempts, "forget", lambda device, keeps=False: found.append(keeps))
    return found


def _outcomes(*outcomes: int | Exception) -> Iterator[int]:
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome


@pytest.mark.parametrize(("allocator", "expected"), [("kept", [True]), ("system", [False])])
def test_what_fits_is_tried_once_among_the_pages_that_are_there(
    allocator: str, expected: list[bool], forgotten: list[bool]
) -> None:
    assert if_it_fits(_under(allocator), lambda: 7) == 7
    assert forgotten == expected


def test_where_kept_memory_runs_out_all_of_it_is_given_back_and_the_same_is_tried_again(
    forgotten: list[bool],
) -> None:
    left: list[int | Exception] = [MemoryError(), 7]

    def attempt() -> int:
        return next(_outcomes(left.pop(0)))

    assert if_it_fits(_under("kept"), attempt) == 7
    assert forgotten == [True, False]


@pytest.mark.parametrize(("allocator", "times"), [("kept", 2), ("system", 1)])
def test_what_never_fits_is_nothing(allocator: str, times: int, forgotten: list[bool]) -> None:
    def attempt() -> int:
        raise MemoryError

    assert if_it_fits(_under(allocator), attempt) is None
    assert len(forgotten) == times


def test_another_error_is_none_of_memory(forgotten: list[bool]) -> None:
    def attempt() -> int:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        if_it_fits(_under("kept"), attempt)
    assert forgotten == [True]


def find_pages_again() -> None:
    """Count the pages that a block needs once more, after both ways of forgetting."""
    if not keep_freed_memory():
        return
    take_and_free(SIZE)
    faults = []
    for keeps in (True, False):
        forget("cpu", keeps)
        before = page_faults()
        take_and_free(SIZE)
        faults.append(page_faults() - before)
    assert faults[0] <= 50 < faults[1], faults


def test_pages_that_are_kept_are_found_again(server: ForkServerContext) -> None:
    in_child(server, find_pages_again)
