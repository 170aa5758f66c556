"""The rows of a run directory that count, for the commands that answer from them."""

from pathlib import Path
from typing import Any

from profiling.errors import SettingsError
from profiling.rows.columns import Row
from profiling.rows.current import current_rows, describe_left_out
from profiling.rows.reading import read_manifest, read_rows


def read_run(directory: Path) -> tuple[list[Row], list[Row], dict[str, Any]]:
    """Return the rows of a run's current state, those of any state, and its manifest.

    Raises:
        SettingsError: Nothing was measured, or nothing in the state that the last sweep found.
    """
    manifest = read_manifest(directory)
    every_row = read_rows(directory)
    rows = current_rows(every_row, manifest)
    if not rows:
        reasons = " ".join(describe_left_out(every_row, manifest))
        raise SettingsError(f"`{directory}` must hold rows that count, but {reasons}".rstrip("."))
    return rows, every_row, manifest
