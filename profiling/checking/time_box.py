"""An end to what has no end of its own."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

LONGEST_S = 1e9  # an alarm of the system takes no more than some nine times that


class TimeIsUp(BaseException):
    """The time of a part is over; no `except Exception` on the way may swallow it."""


@contextmanager
def time_box(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp inside the context once it has lasted `seconds`.

    As Ctrl-C does: what is measured ends, and the rows that are there stay. In the main thread.
    """

    def end(*_: object) -> NoReturn:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, min(max(seconds, 0.01), LONGEST_S))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How many have gone by."""
        return time.monotonic() - self._began
