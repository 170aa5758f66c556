"""`profile.py compare`: which points of a run are faster or slower than those of another one."""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.counted import counted
from profiling.commands.command import Command
from profiling.commands.current_run import read_run
from profiling.errors import SettingsError

if TYPE_CHECKING:
    from profiling.analysis.run_comparison.differences import RunDifference
    from profiling.analysis.run_comparison.run_answers import RunComparison

WIDTH_OF_FILES = 120


def run(arguments: Any) -> int:
    """Compare and print; return 1 where a point is slower than allowed, or was lost."""
    allowed = _read_percent(arguments.fail_on_slower)
    if arguments.json and arguments.markdown:
        raise SettingsError("`json` and `markdown` must not both be given: choose one of them")
    names = (str(arguments.run_a), str(arguments.run_b))
    (first, _, of_first), (second, _, of_second) = (read_run(Path(name)) for name in names)

    # Imported here: `--help` and a mistake in the settings do not wait for what computes.
    from profiling.analysis.points.checkpoints import short_names, with_names
    from profiling.analysis.run_comparison.comparing import compare_runs
    from profiling.analysis.run_comparison.differences import find_differences, find_unknown
    from profiling.analysis.run_comparison.shared_points import Run
    from profiling.report.comparison.head import head_lines
    from profiling.rows.sizes import built_sizes, with_sizes

    both = [*first, *second]
    checkpoints, sizes = short_names(both), built_sizes(both)
    first, second = (with_sizes(with_names(rows, checkpoints), sizes) for rows in (first, second))
    comparison = compare_runs(Run(first), Run(second))
    told = first, second, (of_first, of_second)
    differences = find_differences(*told)
    if not comparison.answers and not comparison.failed:
        raise SettingsError(_why_not_compared(comparison, differences, names))
    head = head_lines(comparison, differences, names, find_unknown(*told))
    _print(comparison, head, arguments)
    return 0 if allowed is None else _judge(comparison, allowed)


def _why_not_compared(
    comparison: "RunComparison", differences: list["RunDifference"], names: tuple[str, str]
) -> str:
    """Return the sentence about two runs that have no answer in common."""
    if comparison.num_shared:
        return (
            f"`run_b` must have tried a point that `run_a` has measured, but of the "
            f"{counted(comparison.num_shared, 'point')} that {names[1]} and {names[0]} share none "
            "can be compared"
        )
    listed = "; ".join(each.describe() for each in differences) or "other variants or lengths"
    return (
        f"`run_b` must share points with `run_a`, but no point of {names[1]} is in {names[0]}: "
        f"{listed}"
    )


def _read_percent(given: float | None) -> float | None:
    if given is not None and not (math.isfinite(given) and given >= 0):
        raise SettingsError(f"`fail_on_slower` must be a percentage of at least 0, got {given}")
    return given


def _print(comparison: "RunComparison", head: list[str], arguments: Any) -> None:
    from rich.console import Console

    from profiling.report.comparison.table import comparison_as_markdown, print_comparison

    if arguments.json:
        found = [answer.to_dict() for answer in (*comparison.answers, *comparison.failed)]
        print(json.dumps(found, indent=2, allow_nan=False))
        print("\n".join(head), file=sys.stderr)
    elif arguments.markdown:
        print(comparison_as_markdown(comparison, head), end="")
    else:
        console = Console()
        if not console.is_terminal:  # a file has room
            console.width = max(console.width, WIDTH_OF_FILES)
        print_comparison(comparison, head, console)


def _judge(comparison: "RunComparison", allowed: float) -> int:
    """Say what is slower than allowed, was lost or cannot be judged; return the exit status."""
    from profiling.report.comparison.head import lost_lines
    from profiling.report.comparison.words import unjudged_lines

    ran = [answer for answer in comparison.answers if not answer.is_lost]
    slower = [answer for answer in ran if answer.is_slower_than(allowed)]
    lost = [*lost_lines(comparison)]
    if slower:
        names = ", ".join(f"{answer.point.describe()} {answer.metric}" for answer in slower)
        print(f"slower by more than {allowed:g} %: {names}", file=sys.stderr)
    for line in (*lost, *unjudged_lines(comparison)):
        print(line, file=sys.stderr)
    return 1 if slower or lost else 0


def add_arguments(parser: Any) -> None:
    """Add the two run directories and how to answer."""
    parser.add_argument("run_a", type=str, help="run directory to compare with")
    parser.add_argument("run_b", type=str, help="run directory that is judged")
    parser.add_argument("--json", action="store_true", help="print a list for programs")
    parser.add_argument(
        "--markdown", action="store_true", help="print markdown, for a pull request"
    )
    parser.add_argument(
        "--fail-on-slower",
        "--fail_on_slower",
        type=float | None,
        default=None,
        metavar="PERCENT",
        help="exit with status 1 if a point surely costs more, by more than this percentage, or "
        "if run B lost a point (docs/ci.md)",
    )


COMPARE = Command(
    help="say where a run is faster or slower than another one",
    description="Say which points of run B are faster or slower than those of run A.",
    add_arguments=add_arguments,
    run=run,
    settings=("fail_on_slower", "json", "markdown"),
)
