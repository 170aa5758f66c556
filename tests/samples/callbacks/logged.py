"""What is said and logged in a run, for tests to look at."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger


@contextmanager
def lightnings_log() -> Iterator[list[str]]:
    """Give the list of what Lightning's log shows of its own accord, at the level it has."""
    said: list[str] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    handler = Keeps()
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


class Recording(CSVLogger):
    """Keeps every value as (tag, step, value)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.values: list[tuple[str, int | None, float]] = []

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.values += [(tag, step, value) for tag, value in metrics.items()]

    def places(self, beginning: str) -> list[tuple[str, int | None]]:
        """Return tag and step of every value whose tag begins so."""
        return [(tag, step) for tag, step, _ in self.values if tag.startswith(beginning)]
