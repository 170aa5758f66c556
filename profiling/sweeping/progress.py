"""The live display of a sweep: what is measured now, what it gave, and the time left."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from datamodules.counted import counted
from profiling.planning.points import Point
from profiling.planning.visits import Visit
from profiling.rows.columns import Row

# Without a terminal (a log file) a line now and then is enough.
SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """A bar on a terminal, an occasional line elsewhere; draws only when told, never by itself.

    A thread that redraws would take time from the measurement it reports on.
    """

    def __init__(self) -> None:
        """Write to stderr: stdout is for answers."""
        self._console = Console(file=sys.stderr)
        self._bar = Bar(
            TextColumn("{task.percentage:3.0f} %"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}  {task.description}"),
            console=self._console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, left="")
        self._last_line = 0.0

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bar.stop()

    def begin(
        self, group: Sequence[Visit], done: int, total: int | None, seconds_left: float | None
    ) -> None:
        """Show what is measured now; `total` is None where nobody knows it before."""
        what = _describe([visit.point for visit in group])
        left = "" if seconds_left is None else f"{_duration(seconds_left)} left"
        self._show(what, done, total, left)

    def _show(self, what: str, done: int, total: int | None, left: str) -> None:
        if self._console.is_terminal:
            self._bar.update(self._task, description=what, completed=done, total=total, left=left)
            self._bar.refresh()
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            print(f"{done}/{total or '?'} {left}  {what}", file=sys.stderr, flush=True)

    def begin_search(self, what: str, done: int, total: int) -> None:
        """Show which search of the frontier is made now."""
        self._show(f"frontier, {what}", done, total, "")

    def report(self, what: str, row: Row) -> None:
        """Show what went wrong, at once; a number can wait for the report."""
        if row["status"] == "error":
            self._console.print(f"error: {what}: {row['error']}", markup=False, highlight=False)


def warn_of_skipped(skipped: Sequence[str]) -> None:
    """Say how many samples of a data set were left out, and the first of them."""
    if skipped:
        print(
            f"skipped {counted(len(skipped), 'sample')}, the first: {skipped[0]}", file=sys.stderr
        )


def _describe(points: Sequence[Point]) -> str:
    first, *others = points
    what = f"{first.phase} at {first.length:,}"
    return f"{first.modality} {what}, {len(points)} in turns" if others else first.describe()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
