"""`profile.py report`: rebuild everything that is made from the measurements."""

from pathlib import Path
from typing import Any

from profiling.commands.command import Command
from profiling.rows.current import current_rows, describe_left_out
from profiling.rows.run_directory import ROWS, read_manifest, read_rows


def answer(directory: Path, rebuild: bool, strict: bool = False) -> None:
    """Find the tipping points, rebuild the report if asked, print the table and where to look.

    Args:
        directory: Of the run.
        rebuild: Whether to make the report also where there is a newer one than the rows.
        strict: Whether what chance alone may have decided is left undecided.
    """
    # Imported here: `--help` and a mistake in the settings do not wait for what computes and draws.
    from rich.console import Console

    from profiling.analysis.tipping_points import find_tipping_points, save_tipping_points
    from profiling.report.table import build_sections, print_sections

    manifest = read_manifest(directory)
    every_row = read_rows(directory)
    rows = current_rows(every_row, manifest)
    pairs = (manifest.get("config") or {}).get("pairs") or ()
    tipping_points = find_tipping_points(rows, pairs=pairs, strict=strict)
    sections = build_sections(tipping_points)
    page = directory / "report.html"
    # A sweep that was killed after its last row left an older page, or none.
    if rebuild or not page.exists() or page.stat().st_mtime < (directory / ROWS).stat().st_mtime:
        from profiling.report.build import build_report

        save_tipping_points(tipping_points, directory)
        build_report(directory, rows, tipping_points, sections, manifest)
    console = Console()
    print_sections(sections, console)
    for sentence in describe_left_out(every_row, manifest):
        console.print(sentence, highlight=False)
    console.print(f"Report: {page}", soft_wrap=True, highlight=False)
    console.print(f"Charts: tensorboard --logdir {directory / 'tensorboard'}", soft_wrap=True)


def run(arguments: Any) -> int:
    """Rebuild and print."""
    answer(Path(arguments.run_directory), rebuild=True, strict=arguments.strict)
    return 0


def add_arguments(parser: Any) -> None:
    """Add the run directory and how to judge."""
    parser.add_argument("run_directory", type=str, help="directory of a sweep")
    parser.add_argument(
        "--strict",
        type=bool,
        default=False,
        help="leave undecided what chance alone may have decided, among so many comparisons",
    )


REPORT = Command(
    help="rebuild report and TensorBoard",
    description="Rebuild tipping points, report and TensorBoard from the rows.",
    add_arguments=add_arguments,
    run=run,
)
