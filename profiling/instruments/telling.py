"""Where measured steps are told: the Trainer's loggers, and a file at the end."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lightning import Trainer

from datamodules.files.writing import write_text
from lightning_modules.allocator import keeps_freed_memory
from profiling.instruments.going_on import GoingOn

Row = dict[str, Any]
RUNS = {"training": "training", "inference": "prediction"}
NOTHING = (
    "`ProfilingCallback` measured no step of this {}: it leaves out `num_warmup_steps`, and then "
    "takes one in `every_n_steps`"
)


class Telling:
    """Tells what was measured; what cannot be written is said once and left out.

    Args:
        output: File for the rows, JSON lines; None writes none.
        going_on: Says what is left out.
    """

    def __init__(self, output: Path | None, going_on: GoingOn) -> None:
        self._output = output
        self._going_on = going_on

    def report(self, trainer: Trainer, rows: Sequence[Row], phase: str) -> None:
        """Log the rows of the phase that ended by their lengths, and write all to the file.

        A file without rows takes the place of an earlier one too, which would pass for this run's.
        """
        own = [row for row in rows if row["phase"] == phase]
        for length, numbers in sorted(_by_length(own).items()):
            self._log(trainer, f"profiling/{phase}/by_length", numbers, length)
        if not trainer.is_global_zero:
            return
        if not own:
            self._going_on.say(f"{phase} without rows", NOTHING.format(RUNS[phase]))
        if self._output:
            with self._going_on.without(f"the file of `output`, {self._output}"):
                self._output.parent.mkdir(parents=True, exist_ok=True)
                write_text(self._output, "".join(json.dumps(row) + "\n" for row in rows))

    def log(self, trainer: Trainer, prefix: str, row: Row, step: int) -> None:
        """Log the numbers of a step; what a skipped step costs is no step's cost."""
        if row["step_kind"] != "skipped":
            self._log(trainer, prefix, _times_of(row) | _shares_of(row), step)

    def _log(self, trainer: Trainer, prefix: str, numbers: dict[str, float], step: int) -> None:
        named = {f"{prefix}/{name}": value for name, value in numbers.items()}
        for logger in trainer.loggers if named else ():
            with self._going_on.without("metrics of the logger"):
                logger.log_metrics(named, step=step)


def find_allocator() -> str:
    """Return whether this process keeps the memory that it frees, as a row says it."""
    return "kept" if keeps_freed_memory() else "system"


def _times_of(row: Row) -> dict[str, float]:
    return {name: value for name, value in row.items() if type(value) is float}


def _shares_of(row: Row) -> dict[str, float]:
    components = row.get("components") or {}
    return {f"component_share/{name}": part["share"] for name, part in components.items()}


def _by_length(rows: Sequence[Row]) -> dict[int, dict[str, float]]:
    """Return the numbers of one row of each length: a logger has room for one value per step.

    Times are those of one row, and the shares of components may be those of another.
    """
    found: dict[int, dict[str, float]] = {}
    for numbers_of, count in (
        (_times_of, lambda row: len(row["latency_ms_samples"])),
        (_shares_of, lambda row: row.get("num_broken_steps", 0)),
    ):
        for length, row in _fullest(rows, count).items():
            found.setdefault(length, {}).update(numbers_of(row))
    return found


def _fullest(rows: Iterable[Row], count: Callable[[Row], int]) -> dict[int, Row]:
    """Return of each length the row of most steps, of those that stepped where there are such."""
    found: dict[int, Row] = {}
    for row in rows:
        length = row["sequence_length"] or row["input_size"]
        if length is None or not count(row) or row["step_kind"] == "skipped":
            continue
        rivals = (found.get(length, row), row)
        found[length] = max(rivals, key=lambda one: (one["step_kind"] == "stepped", count(one)))
    return found
