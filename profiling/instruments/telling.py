"""Where measured steps are told: the Trainer's loggers, and a file at the end."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning import Trainer

from datamodules.files.writing import write_text
from lightning_modules.allocator import keeps_freed_memory
from profiling.instruments.going_on import GoingOn


class Telling:
    """Tells what was measured; what cannot be written is said once and left out.

    Args:
        output: File for the rows, JSON lines; None writes none.
        going_on: Says what is left out.
    """

    def __init__(self, output: Path | None, going_on: GoingOn) -> None:
        self._output = output
        self._going_on = going_on

    def report(self, trainer: Trainer, rows: Sequence[dict[str, Any]]) -> None:
        """Log rows by their lengths, and write them to the file."""
        for row in rows:
            length = row["sequence_length"] or row["input_size"]
            if length is not None:
                self.log(trainer, f"profiling/{row['phase']}/by_length", row, length)
        if rows and self._output and trainer.is_global_zero:
            with self._going_on.without(f"the file of `output`, {self._output}"):
                self._output.parent.mkdir(parents=True, exist_ok=True)
                write_text(self._output, "".join(json.dumps(row) + "\n" for row in rows))

    def log(self, trainer: Trainer, prefix: str, row: dict[str, Any], step: int) -> None:
        """Log the numbers of a step or row; what a skipped step costs is no step's cost."""
        if row["step_kind"] == "skipped":
            return
        numbers = {f"{prefix}/{key}": value for key, value in row.items() if type(value) is float}
        for logger in trainer.loggers:
            with self._going_on.without("metrics of the logger"):
                logger.log_metrics(numbers, step=step)


def find_allocator() -> str:
    """Return whether this process keeps the memory that it frees, as a row says it."""
    return "kept" if keeps_freed_memory() else "system"
