"""Where a benchmark keeps what it found: a table and its figures, with date and machine."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from datamodules.files.writing import write_text
from profiling.rows.machine import available_threads, commit, cpu_name

RESULTS = Path(__file__).parent / "results"


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add `--out`; a folder that cannot be made is refused before hours of measuring."""
    parser.add_argument(
        "--out",
        type=made_folder,
        default=RESULTS,
        help="folder for the files of results; by default those of this repository are replaced",
    )


def add_about(parser: argparse.ArgumentParser) -> None:
    """Add `--about`, what the head of the table says of the run."""
    here = f"{datetime.now(UTC):%Y-%m-%d}, {cpu_name()}, {available_threads()} threads"
    parser.add_argument(
        "--about", default=here, help="head of the table; by default the date and the processor"
    )


def keep(out: Path, name: str, table: str | None = None, figures: object = None) -> None:
    """Write a table into NAME.md, with the commit that made it, and figures into NAME.json.

    Args:
        out: The folder.
        name: Of the files, without ending.
        table: In Markdown.
        figures: What the table was made of, as JSON can hold it.
    """
    if table is not None:
        code = f"Made by the code of commit {commit() or 'unknown'}."
        write_text(out / f"{name}.md", f"{table.rstrip()}\n\n{code}\n")
    if figures is not None:
        write_text(out / f"{name}.json", json.dumps(figures, indent=1) + "\n")


def made_folder(text: str) -> Path:
    """Make a folder that an argument names.

    Raises:
        argparse.ArgumentTypeError: It cannot be made.
    """
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise argparse.ArgumentTypeError(
            f"must be a folder, or one that can be made, got {text}: {problem.strerror}"
        ) from problem
    return path
