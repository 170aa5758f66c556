"""What a search for the largest value that fits tries, where it may look, and what it finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["ok", "oom", "positions", "time", "error"]
LimitedBy = Literal["memory", "positions", "cap", "time"]


@dataclass(frozen=True)
class Try:
    """One value, tried in a fresh process.

    Args:
        value: A batch size or a length.
        outcome: ok; oom; positions (a model has too few of them); time (it was given up); error.
        peak_memory_mib: MiB; None where it did not end well.
        seconds: What it took.
        verifies: Whether it was a second process for the answer.
        error: What went wrong.
    """

    value: int
    outcome: Outcome
    peak_memory_mib: float | None
    seconds: float
    verifies: bool = False
    error: str | None = None


@dataclass(frozen=True)
class Border:
    """What is known of the largest value that fits.

    Args:
        feasible: It, verified; None where nothing fits, or an error ended the search.
        infeasible: The smallest value that failed; None where none did.
        limited_by: What keeps it from being larger; None after an error.
        tries: Everything that was tried, in order.
        error: What ended the search, if it was an error.
    """

    feasible: int | None
    infeasible: int | None
    limited_by: LimitedBy | None
    tries: list[Try]
    error: str | None = None


@dataclass(frozen=True)
class Limits:
    """Where a search may look.

    Args:
        budget_mib: Memory that a try may take.
        start: The value that is tried first.
        seconds: That all tries may take, the verification aside.
        cap: The largest value.
        limited_at_cap: What keeps the answer from being larger where that fits.
        least: The smallest value.
        step: What neighbouring values differ by.
        degree: With which power of the value memory may grow.
    """

    budget_mib: float
    start: int
    seconds: float
    cap: int
    limited_at_cap: LimitedBy = "cap"
    least: int = 1
    step: int = 1
    degree: int = 1


Attempt = Callable[[int, bool, float | None], Try]
"""Tries a value, to verify it or not, for at most so many seconds."""
