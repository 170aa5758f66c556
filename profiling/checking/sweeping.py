"""The sweeps of a check: one run directory, the most important questions first, cut in time."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from datamodules.counted import counted
from profiling.checking.archive import SWEEP
from profiling.checking.rows import row
from profiling.checking.time_box import Stopwatch, TimeIsUp, time_box
from profiling.planning.settings import SweepSettings
from profiling.planning.side_by_side import failing
from profiling.rows.reading import read_rows
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping.sweep import Sweep

# Of the time of the sweeps, for the report and its figures.
REPORT_SHARE = 0.1
# A time budget in which nothing fits: what is made is what a sweep makes whatever it takes.
NO_TIME_S = 1e-3
Answer = Callable[[Path], None]
"""Finds the tipping points of a run directory, builds its report, prints both."""


def run_sweeps(
    sweeps: tuple[SweepSettings, ...], folder: Path, seconds: float, answer: Answer
) -> Iterator[dict[str, Any]]:
    """Measure what there is time for and report; yield a row per sweep, one for the report.

    Rows that are there when the time is over stay, and the report is made from them.
    """
    watch, out = Stopwatch(), folder / SWEEP
    for settings in sweeps:
        name = describe(settings)
        left = (1 - REPORT_SHARE) * seconds - watch.seconds
        if left <= 0:
            yield row("sweep", name, "cut", "no time was left")
            continue
        yield _measure(settings, out, left, name)
    yield _report(out, answer)


def describe(settings: SweepSettings) -> str:
    """Return a sweep in a few words."""
    ((modality, chosen),) = settings.modalities.items()
    names = ", ".join(variant.name for variant in settings.variants_of(modality))
    lengths = ", ".join(f"{length:,}" for length in chosen.axis_values(modality) or ())
    times = "once" if settings.visits == 1 else f"{settings.visits} times"
    return f"{names} at {lengths}, {' and '.join(settings.phases)}, {times}"


def _measure(settings: SweepSettings, out: Path, seconds: float, name: str) -> dict[str, Any]:
    watch, status, error = Stopwatch(), "ok", None
    before = _count(out)
    try:
        # Later visits are made as far as they fit; what the first ones begin beyond that is cut.
        bounded = replace(settings, time_budget_s=seconds)
        with time_box(seconds), RunDirectory(out) as run:
            # What is left of the time belongs to visits: the check watches the card by itself.
            Sweep(bounded, run, has_sentinel=False).measure()
            if failing(run.rows[before:]):
                # Once more what failed, and nothing else: it may have been chance.
                errors_alone = replace(bounded, time_budget_s=NO_TIME_S)
                Sweep(errors_alone, run, has_sentinel=False).measure()
    except TimeIsUp:
        status, error = "cut", "the time was over"
    except Exception as problem:  # the other sweeps go on
        status, error = "failed", f"{type(problem).__name__}: {problem}"[:300]
    fields = {"rows": _count(out) - before, "seconds": round(watch.seconds, 1)}
    return row("sweep", name, status, error, **fields)


def _count(out: Path) -> int:
    return len(read_rows(out)) if (out / "measurements.jsonl").exists() else 0


def _report(out: Path, answer: Answer) -> dict[str, Any]:
    if not _count(out):
        return row("sweep", "report", "skipped", "there are no measurements")
    try:
        answer(out)
    except Exception as problem:  # the rows are there all the same
        return row("sweep", "report", "failed", f"{type(problem).__name__}: {problem}"[:300])
    bad = failing(read_rows(out))
    reason = (
        f"{counted(len(bad), 'point fails', 'points fail')}, the first: {bad[0]['error']}"
        if bad
        else None
    )
    return row("sweep", "report", "failed" if bad else "ok", reason)
