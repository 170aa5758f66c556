"""Small sweeps, run by the same code as `profile.py`."""

import contextlib
import io
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from profiling.cli import main
from profiling.planning.requests import Effort

FAST = {
    "size": "tiny",
    "visits": 1,
    "seconds_per_measurement": 0.01,
    "min_samples": 2,
    "num_warmup_steps": 1,
    "max_batch_size": 2,
}
# No visit is measured again because others compute on these cores: with a time budget only one that
# takes a fiftieth of what is left, and none takes so little of this one. First visits are made even
# beyond it, later ones are not: a sweep of several visits does without. Who tries again, and when,
# is in `test_retries.py`.
ONCE = {"time_budget_s": 0.001}
# Of the sentinel: another one than that of rows, from which its readings are told by it.
BRIEF = Effort(2, 2, 0.01)


def write_config(path: Path, **settings: Any) -> Path:
    """Write a sweep that takes little time, with these settings."""
    import yaml  # here: tests of a GPU need the rest of this file where it may be missing

    path.write_text(yaml.safe_dump(FAST | settings))
    return path


def sweep(config: Path, out: Path, *more: str, reports: bool = True) -> tuple[int, str, str]:
    """Run `profile.py sweep` in this process, whose fork server is there already.

    It looks for no neighbours, makes nothing again because an earlier sweep had some, and its
    sentinel takes short readings: `test_company.py`, `test_later_sweeps.py` and `test_sentinel.py`
    are about those.

    Args:
        config: Its settings.
        out: The run directory.
        more: Words after those on the command line.
        reports: Whether it ends with a report, which takes longer than a few rows.
    """
    with ExitStack() as patched:
        patched.enter_context(patch("profiling.sweeping.sentinel.warn_of_company"))
        patched.enter_context(patch("profiling.sweeping.sentinel.EFFORT", BRIEF))
        was_disturbed = "profiling.planning.side_by_side.was_disturbed"
        patched.enter_context(patch(was_disturbed, return_value=False))
        if not reports:
            patched.enter_context(patch("profiling.commands.sweep.answer"))
        return command("sweep", "--config", str(config), "--out", str(out), *more)


def command(*arguments: str) -> tuple[int, str, str]:
    """Run a command of `profile.py`; return its exit status, and what it said and complained of."""
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        try:
            status = main([*arguments])
        except SystemExit as ended:
            status = int(str(ended.code))
    return status, said.getvalue(), complained.getvalue()


def rows_in(out: Path) -> list[dict[str, Any]]:
    """Return the rows as they stand in the file."""
    return [json.loads(line) for line in (out / "measurements.jsonl").read_text().splitlines()]
