"""What the comparison of two runs says, in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from datamodules.counted import counted
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.groups import Setting
from profiling.analysis.run_comparison.run_answers import Answer, RunComparison
from profiling.report.answers.sections import NOT_MEASURED
from profiling.report.rounding import number_of, places_for
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
    if answer.ratio is None:
        # The reason of what is decided says itself which run is better.
        return "cannot tell" if answer.verdict == "cannot_tell" else answer.reason
    if answer.ci_low is None or answer.ci_high is None:
        return f"{answer.ratio:.3f} cannot tell"
    words = WORDS_OF_MEMORY if answer.metric == "memory" else WORDS
    told = (answer.ratio, answer.ci_low, answer.ci_high)
    # What is decided must not read as 1; an end of what is not may lie as near to it as it likes.
    neutral: tuple[float, ...] = () if answer.verdict == "cannot_tell" else (1.0,)
    places = places_for(told, neutral, 3)
    ratio, low, high = (f"{value:.{places}f}" for value in told)
    return f"{ratio} [{low}-{high}] {words[answer.verdict]}".rstrip()


def build_sections(answers: Iterable[Answer]) -> list[Section]:
    """Return the answers by modality, phase and conditions, in the order of a listing."""
    points: dict[tuple[object, ...], dict[str, Answer]] = {}
    for answer in answers:
        place = (answer.point, *sorted(map(str, answer.place.items())))
        points.setdefault(place, {})[answer.metric] = answer
    lines = [(next(iter(by_metric.values())), by_metric) for by_metric in points.values()]
    settings = {_setting(answer) for answer, _ in lines}
    sections: dict[tuple[str, str], list[tuple[str, int, dict[str, Answer]]]] = {}
    for answer, by_metric in lines:
        line = (answer.point.contender.label, answer.point.length, by_metric)
        sections.setdefault(_title(answer, settings), []).append(line)
    return [Section(title, unit, found) for (title, unit), found in sections.items()]


def _setting(answer: Answer) -> Setting:
    return Setting.of(answer.point.columns | dict(answer.place))


def _title(answer: Answer, settings: set[Setting]) -> tuple[str, str]:
    columns = answer.point.columns
    where = _setting(answer).describe(settings) if len(settings) > 1 else ""
    title = f"{columns['modality']}, {columns['phase']}" + (f" ({where})" if where else "")
    return title, axis_unit(columns["modality"])


def foot_lines(comparison: RunComparison) -> list[str]:
    """Return how to read the answers, and how many of them chance would give."""
    judged = comparison.num_judged
    unjudged = len(comparison.unjudged)
    lines = [
        LEGEND,
        f"Of {counted(judged, 'interval')}, {number_of(comparison.num_by_chance, (0.0,))} or so "
        "would lie beside 1 by chance alone (5 %).",
    ]
    if unjudged:
        lines.append(
            f"{counted(unjudged, 'answer has', 'answers have')} no interval: it takes two visits "
            "in each run that no other process disturbed."
        )
    return lines


def unjudged_lines(comparison: RunComparison) -> Iterator[str]:
    """Yield a line per metric of which points could not be judged, with the reason at one of them.

    Those that the second run lost are not among them: a gate fails there.
    """
    waiting = [answer for answer in comparison.unjudged if not answer.is_lost]
    for metric in judged_columns():
        answers = [answer for answer in waiting if answer.metric == metric]
        if answers:
            points = counted(sum(a.metric == metric for a in comparison.answers), "point")
            example = f"{answers[0].point.describe()} ({answers[0].reason})"
            yield f"{metric}: {len(answers):,} of {points} could not be judged, such as {example}"


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
