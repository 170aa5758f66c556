"""What is tried in a process that has measured before finds its pages, and gives them back last."""

from dataclasses import replace

import pytest

from profiling.measuring.steps import attempts
from profiling.measuring.steps.attempts import if_it_fits
from profiling.planning.points import Point
from tests.samples.variants.points import points_of

(POINT, *_) = points_of("text", [24], ["bert"])


def _under(allocator: str) -> Point:
    return replace(POINT, conditions=replace(POINT.conditions, allocator=allocator))


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return whether pages were kept, at each time that memory was given back."""
    found: list[bool] = []
    monkeypatch.setattr(attempts, "forget", lambda device, keeps=False: found.append(keeps))
    return found


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
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

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
