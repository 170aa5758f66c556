"""`profile.py report`: rebuild everything that is made from the measurements."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.commands.command import Command
from profiling.commands.length_sources import told_apart
from profiling.errors import SettingsError
from profiling.rows.columns import Row
from profiling.rows.current import current_rows, current_searches, describe_left_out
from profiling.rows.data_lengths import distributions_of
from profiling.rows.frontier import FRONTIER, frontier_rows
from profiling.rows.reading import (
    MANIFEST,
    ROWS,
    SENTINEL,
    check_run_directory,
    read_manifest,
    read_rows,
    read_sentinel,
)
from profiling.rows.run_directory import reporting
from profiling.rows.sizes import built_sizes, with_sizes


def answer(
    directory: Path, rebuild: bool, strict: bool = False, lengths: Sequence[str] = ()
) -> None:
    """Find the tipping points, rebuild the report if asked, print the table and where to look.

    Args:
        directory: Of the run.
        rebuild: Whether to make the report also where there is one that was made the same way and
            is newer than the rows.
        strict: Whether what chance alone may have decided is left undecided.
        lengths: Files of `profile.py lengths`, drawn beside those that the run was measured on.

    Raises:
        SettingsError: The directory holds no measurements, or a damaged manifest, or a file is of
            a modality that was not measured.
        DataError: A file of lengths cannot be read.
    """
    # Imported here: `--help` and a mistake in the settings do not wait for what computes and draws.
    from rich.console import Console
    from rich.text import Text

    from profiling.analysis.answers.tipping_points import (
        find_ladder,
        find_tipping_points,
        save_tipping_points,
    )
    from profiling.analysis.points.checkpoints import short_names, with_names
    from profiling.analysis.points.drift import judge_steadiness
    from profiling.report.answers.sections import build_sections
    from profiling.report.cautions import cautions_of
    from profiling.report.material import Material
    from profiling.report.page.made_with import is_made_with
    from profiling.report.table import print_sections

    check_run_directory(directory)
    page = directory / "report.html"
    # Who waits here for somebody else's report may know of later rows.
    with reporting(directory):
        manifest = read_manifest(directory)
        every_row = read_rows(directory)
        rows = current_rows(every_row, manifest)
        names = short_names(rows)
        pairs = manifest.get("config", {}).get("pairs", ())
        tipping_points = find_tipping_points(rows, pairs=pairs, strict=strict)
        ladder = find_ladder(rows, strict=strict)
        held = distributions_of(manifest)
        given = _read_lengths(lengths, held, rows)
        sections = build_sections(tipping_points, [*held, *given], ladder, names, strict)
        readings = current_rows(read_sentinel(directory), manifest)
        made_with = _in_words(strict, given)
        left_out = describe_left_out(every_row, manifest)
        if rebuild or _is_outdated(page) or not is_made_with(page, made_with):
            from profiling.report.build import build_report

            save_tipping_points([*tipping_points, *ladder], directory)
            frontier = _find_frontier(directory, every_row, manifest)
            told = tipping_points, sections, manifest, readings, frontier
            build_report(
                directory,
                Material.of(rows, *told).beside(ladder, given, made_with, left_out),
            )
    console = Console()
    print_sections(sections, console)
    steadiness = judge_steadiness(readings, tipping_points)
    cautions = cautions_of(with_names(rows, names), steadiness, manifest.get("left_alone", ()))
    for sentence in [*cautions, *left_out]:
        console.print(Text(sentence))
    # Texts: brackets in a path or in the words of an error are no markup.
    console.print(Text(f"Report: {page}"), soft_wrap=True)
    console.print(Text(f"Charts: {shlex.join(_charts_command(directory))}"), soft_wrap=True)


def _charts_command(directory: Path) -> list[str]:
    """Return what shows the charts, also where the environment of this Python is not active."""
    logs = directory / "tensorboard"
    return [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs)]


def _find_frontier(directory: Path, rows: Sequence[Row], manifest: dict[str, Any]) -> list[Row]:
    """Return the searches of a run that are still of its data, with the sizes of built models."""
    searches = with_sizes(frontier_rows(directory), built_sizes(rows))
    return current_searches(searches, rows, manifest)


def _read_lengths(
    files: Sequence[str], held: Sequence[LengthDistribution], rows: Sequence[Row]
) -> list[LengthDistribution]:
    """Return what is in files of lengths, without what the run holds, each with its own name."""
    found = [(file, LengthDistribution.from_json(file)) for file in files]
    measured = dict.fromkeys(str(row["modality"]) for row in rows)
    for file, each in found:
        if each.modality not in measured:
            raise SettingsError(
                f"`lengths` {file} must be of a modality that was measured "
                f"({', '.join(measured)}), got {each.modality}"
            )
    new = [each for _, each in found if each not in held]
    return told_apart([*held, *new])[len(held) :]


def _in_words(strict: bool, given: Sequence[LengthDistribution]) -> str:
    """Return what makes a report another one than that of a sweep; empty where nothing does."""
    asked = ["strict"] if strict else []
    return ", ".join([*asked, *(f"lengths of {each.name}" for each in given)])


def _is_outdated(page: Path) -> bool:
    """Tell whether a sweep that was killed, or another shard, left rows that are not in a page."""
    sources = [page.with_name(name) for name in (ROWS, SENTINEL, FRONTIER, MANIFEST)]
    changed = [source.stat().st_mtime for source in sources if source.exists()]
    return not page.exists() or page.stat().st_mtime < max(changed)


def run(arguments: Any) -> int:
    """Rebuild and print."""
    answer(
        Path(arguments.run_directory),
        rebuild=True,
        strict=arguments.strict,
        lengths=arguments.lengths,
    )
    return 0


def add_arguments(parser: Any) -> None:
    """Add the run directory and how to judge."""
    parser.add_argument("run_directory", type=str, help="run directory of a sweep")
    parser.add_argument(
        "--strict",
        type=bool,
        default=False,
        help="leave undecided what chance may have decided, given the number of comparisons",
    )
    parser.add_argument(
        "--lengths",
        type=str,
        nargs="+",
        default=[],
        help="files that `profile.py lengths` wrote, to draw under the curves",
    )


REPORT = Command(
    help="rebuild table, report and TensorBoard from the measurements",
    description="Rebuild tipping points, report and TensorBoard from the measurements.",
    add_arguments=add_arguments,
    run=run,
    settings=("strict", "lengths"),
)
