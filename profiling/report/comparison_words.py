"""What the comparison of two runs says, in words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from datamodules.counted import counted
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.groups import Setting
from profiling.analysis.run_comparison.comparing import Alone, Answer, RunComparison
from profiling.analysis.run_comparison.differences import RunDifference
from profiling.analysis.run_comparison.shared_points import Point
from profiling.report.answers.sections import NOT_MEASURED
from profiling.rows.columns import judged_columns

LEGEND = (
    "Cost in B over cost in A (time, time per sample, memory) [its 95 % interval]: "
    "below 1, B is better; where no word stands behind it, nobody can tell."
)
# A saving of memory is not faster.
WORDS = {"faster": "faster", "slower": "slower", "cannot_tell": ""}
WORDS_OF_MEMORY = {"faster": "less", "slower": "more", "cannot_tell": ""}
COUNTED = ("metric", "points", "faster", "slower", "cannot tell", "median ratio")


@dataclass(frozen=True)
class Section:
    """The answers of one modality and phase under the same conditions.

    Args:
        title: What it is about.
        unit: Of the lengths.
        lines: Contender, length and the answers of one point, those without a value missing.
    """

    title: str
    unit: str
    lines: list[tuple[str, int, dict[str, Answer]]]


def describe_answer(answer: Answer | None) -> str:
    """Return an answer in a few characters."""
    if answer is None:
        return NOT_MEASURED
    words = WORDS_OF_MEMORY if answer.metric == "memory" else WORDS
    if answer.ratio is None:
        decided = answer.verdict != "cannot_tell"
        return f"{answer.reason} {words[answer.verdict]}" if decided else "cannot tell"
    if answer.ci_low is None or answer.ci_high is None:
        return f"{answer.ratio:.3f} cannot tell"
    interval = f"{answer.ratio:.3f} [{answer.ci_low:.3f}-{answer.ci_high:.3f}]"
    return f"{interval} {words[answer.verdict]}".rstrip()


def build_sections(answers: Iterable[Answer]) -> list[Section]:
    """Return the answers by modality, phase and conditions, in the order of a listing."""
    points: dict[tuple[object, ...], dict[str, Answer]] = {}
    for answer in answers:
        place = (answer.point, *sorted(map(str, answer.place.items())))
        points.setdefault(place, {})[answer.metric] = answer
    lines = [(next(iter(by_metric.values())), by_metric) for by_metric in points.values()]
    settings = {_setting(answer) for answer, _ in lines}
    return [
        Section(title, unit, [(a.point.contender.label, a.point.length, m) for a, m in group])
        for (title, unit), group in groupby(lines, key=lambda line: _title(line[0], settings))
    ]


def _setting(answer: Answer) -> Setting:
    return Setting.of(answer.point.columns | dict(answer.place))


def _title(answer: Answer, settings: set[Setting]) -> tuple[str, str]:
    columns = answer.point.columns
    where = _setting(answer).describe(settings) if len(settings) > 1 else ""
    title = f"{columns['modality']}, {columns['phase']}" + (f" ({where})" if where else "")
    return title, axis_unit(columns["modality"])


def head_lines(
    comparison: RunComparison, differences: Iterable[RunDifference], names: tuple[str, str]
) -> list[str]:
    """Return what is compared, in what the runs differ, and what only one of them has."""
    listed = [each.describe() for each in differences]
    return [
        f"A: {names[0]}",
        f"B: {names[1]}",
        *(listed or ["The same conditions, versions and commit."]),
        *lost_lines(comparison),
        *_only("A", _never_tried(comparison)),
        *_only("B", comparison.only_second),
    ]


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


def foot_lines(comparison: RunComparison) -> list[str]:
    """Return how to read the answers, and how many of them chance would give."""
    judged = comparison.num_judged
    unjudged = comparison.num_unjudged
    lines = [
        LEGEND,
        f"Of {counted(judged, 'interval')}, {comparison.num_by_chance:.0f} or so would lie beside "
        "1 by chance alone (5 %).",
    ]
    if unjudged:
        lines.append(
            f"{counted(unjudged, 'answer has', 'answers have')} no interval: it takes two visits "
            "in each run that no other process disturbed."
        )
    return lines


def count_answers(comparison: RunComparison) -> list[tuple[str, ...]]:
    """Return per metric how many answers there are of each kind, in the order of `COUNTED`."""
    lines = []
    for metric in judged_columns():
        verdicts = [answer.verdict for answer in comparison.answers if answer.metric == metric]
        counts = [len(verdicts), *map(verdicts.count, ("faster", "slower", "cannot_tell"))]
        middle = comparison.median_ratio(metric)
        median = "" if middle is None else f"{middle:.3f}"
        lines.append((metric, *(f"{count:,}" for count in counts), median))
    return lines
