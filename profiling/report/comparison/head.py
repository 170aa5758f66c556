"""What stands above the comparison of two runs: in what they differ, and what only one has."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from datamodules.counted import counted
from profiling.analysis.run_comparison.differences import RunDifference
from profiling.analysis.run_comparison.run_answers import Alone, RunComparison
from profiling.analysis.run_comparison.shared_points import Point
from profiling.report.answers.verdicts import listed
from profiling.rows.columns import judged_columns

COMPARED = ("conditions", "versions", "commit")


def head_lines(
    comparison: RunComparison,
    differences: Iterable[RunDifference],
    names: tuple[str, str],
    unknown: Mapping[str, str],
) -> list[str]:
    """Return what is compared, in what the runs differ, and what only one of them has.

    Args:
        comparison: Of the two runs.
        differences: In what they differ.
        names: Theirs.
        unknown: What nobody can tell to be the same, with the reason: `find_unknown`.
    """
    return [
        f"A: {names[0]}",
        f"B: {names[1]}",
        *([each.describe() for each in differences] or [_alike(unknown)]),
        *lost_lines(comparison),
        *_only("A", _never_tried(comparison)),
        *_only("B", comparison.only_second),
    ]


def _alike(unknown: Mapping[str, str]) -> str:
    """Return in what two runs without a difference are alike, as far as that is known."""
    same = f"The same {listed([name for name in COMPARED if name not in unknown])}"
    if not unknown:
        return f"{same}."
    doubtful = listed([f"the {name} ({why})" for name, why in unknown.items()])
    return f"{same}; of {doubtful} it cannot be told."


def lost_lines(comparison: RunComparison) -> Iterator[str]:
    """Yield a line per reason for which B has no number of points that A has measured."""
    reasons: dict[str, dict[Point, list[str]]] = {}
    for answer in comparison.lost:
        reasons.setdefault(answer.reason, {}).setdefault(answer.point, []).append(answer.metric)
    for reason, points in reasons.items():
        named = ", ".join(f"{point.describe()}{_some(points[point])}" for point in points)
        yield f"Lost in B, {counted(len(points), 'point')}: {named} ({reason})"


def _never_tried(comparison: RunComparison) -> list[Alone]:
    """Return what only A has because B never asked for it."""
    failed = {(answer.point, answer.metric) for answer in comparison.failed}
    left = [
        Alone(each.point, tuple(m for m in each.metrics if (each.point, m) not in failed))
        for each in comparison.only_first
    ]
    return [each for each in left if each.metrics]


def _some(metrics: Sequence[str]) -> str:
    return "" if len(set(metrics)) == len(judged_columns()) else f" {', '.join(metrics)}"


def _only(run: str, alone: Sequence[Alone]) -> Iterator[str]:
    if not alone:
        return
    groups: dict[str, list[str]] = {}
    for each in alone:
        metrics = _some(each.metrics)
        name = f"{each.point.contender.label} {each.point.columns['phase']}{metrics}"
        groups.setdefault(name, []).append(f"{each.point.length:,}")
    named = "; ".join(f"{name} at {' '.join(lengths)}" for name, lengths in groups.items())
    yield f"Only {run} has, {counted(len(alone), 'point')}: {named}"
