"""The answers in plain sentences: what beats the vanilla variant, from which length on."""

from collections.abc import Iterable, Sequence

from profiling.analysis.answers.tipping_points import MISSING
from profiling.analysis.answers.verdicts import WITH_VALUE, shown_value
from profiling.analysis.points.axes import unit_of
from profiling.analysis.points.maximum import maximum_text
from profiling.report.answers.least import describe_least
from profiling.report.answers.outcomes import all_lose, outcomes_of
from profiling.report.answers.verdicts import (
    describe_crossing,
    describe_only_below,
    describe_shortest,
    listed,
)
from profiling.report.lengths import number_text
from profiling.report.palette import efficient_family, vanilla_family
from profiling.rows.columns import Row, judged_columns

BEST = "best_vs_best"


def answer_sentences(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return a paragraph per vanilla variant and metric, from the best kernel of each side.

    Nothing is said to win or lose that was not told apart from noise. The latency always has a
    paragraph, other metrics where at least one variant is decided; those without one are named.

    Args:
        rows: Tipping points of one modality, phase and setting.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.get("comparison") == BEST:
            groups.setdefault((str(row["metric"]), vanilla_family(row)), []).append(row)
    metrics = [*judged_columns()]
    paragraphs: list[str] = []
    undecided: dict[str, list[str]] = {}
    for (metric, vanilla), members in sorted(
        groups.items(), key=lambda item: metrics.index(item[0][0])
    ):
        if metric == metrics[0] or any(row["verdict"] != "undecided" for row in members):
            paragraphs.append(_paragraph(metric, members))
        else:
            undecided.setdefault(vanilla, []).append(metric)
    return (*paragraphs, *(_untold(names, vanilla) for vanilla, names in undecided.items()))


def winners_of(rows: Iterable[Row]) -> list[Row]:
    """Return the rows of what wins for good, that of the smallest length first."""
    return sorted((row for row in rows if row["verdict"] in WITH_VALUE), key=shown_value)


def _paragraph(metric: str, rows: Sequence[Row]) -> str:
    unit = unit_of(rows[0])
    winners = winners_of(rows)
    first = _first(winners[0], rows, unit) if winners else _nothing(rows, unit)
    sentences = [
        f"{', '.join([metric, *_range(rows, unit)])}: {first}",
        "; ".join(f"{efficient_family(row)} needs {_need(row)}" for row in winners[1:]),
        *_others(rows, unit),
        *_maxima(rows),
        describe_least(rows, unit),
    ]
    return " ".join(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences if sentence)


def _untold(metrics: Sequence[str], vanilla: str) -> str:
    return f"{listed(metrics).capitalize()}: it cannot be told whether anything beats {vanilla}."


def _range(rows: Sequence[Row], unit: str) -> list[str]:
    """Return the lengths that were compared, in words; none where none was."""
    lengths = [length for row in rows for length, outcome in outcomes_of(row) if outcome != MISSING]
    ends = [min(lengths), max(lengths)] if lengths else []
    told = dict.fromkeys(number_text(end, rows[0]) for end in ends)
    return [f"{' to '.join(told)} {unit}"] if told else []


def _first(row: Row, rows: Sequence[Row], unit: str) -> str:
    """Say from where on the earliest winner wins, and what is known of shorter inputs."""
    name, vanilla = efficient_family(row), _vanilla(rows)
    where = f"{number_text(shown_value(row), row)} {unit}"
    if row["verdict"] == "always":
        return f"{name} beats {vanilla} from {where} on, {describe_shortest(row)}"
    if row.get("at_most"):
        return f"{name} beats {vanilla} from {where} on at the latest"
    about = f"about {describe_crossing(row)} {unit}"
    below = [
        [outcome for length, outcome in outcomes_of(each) if length < float(row["tipping_point"])]
        for each in rows
    ]
    if row["verdict"] == "several" or any("win" in outcomes for outcomes in below):
        return f"{name} beats {vanilla} for good from {about} on"
    nothing = "nothing beats" if all(map(all_lose, below)) else "nothing is shown to beat"
    return f"up to {about} {nothing} {vanilla}; from there on {name} does"


def _need(row: Row) -> str:
    if row["verdict"] == "always":
        return f"no more than {number_text(shown_value(row), row)}, {describe_shortest(row)}"
    if row.get("at_most"):
        return f"at most {number_text(shown_value(row), row)}"
    for_good = " for good" if row["verdict"] == "several" else ""
    return f"{describe_crossing(row)}{for_good}"


def _nothing(rows: Sequence[Row], unit: str) -> str:
    if all(row["verdict"] == "undecided" for row in rows):
        return f"it cannot be told whether anything beats {_vanilla(rows)} for good"
    longest = max(int(row.get("longest_measured") or 0) for row in rows)
    end = f"{number_text(longest, rows[0])} {unit}"
    if all(all_lose([outcome for _, outcome in outcomes_of(row)]) for row in rows):
        return f"nothing beats {_vanilla(rows)} up to {end}"
    return f"nothing is shown to beat {_vanilla(rows)} for good up to {end}"


def _others(rows: Sequence[Row], unit: str) -> list[str]:
    """Return what is said of the variants that do not win for good, and of undecided ones."""
    by_verdict = {
        verdict: [row for row in rows if row["verdict"] == verdict]
        for verdict in ("wins_only_below", "never_in_range", "undecided")
    }
    sentences = [
        f"{efficient_family(row)} wins {describe_only_below(row)} {unit}"
        for row in by_verdict["wins_only_below"]
    ]
    lost = by_verdict["never_in_range"]
    if lost and len(lost) < len(rows):
        longest = min(int(row.get("longest_measured") or 0) for row in lost)
        names = listed([efficient_family(row) for row in lost])
        sentences.append(f"no win of {names} is seen up to {number_text(longest, rows[0])} {unit}")
    undecided = by_verdict["undecided"]
    if undecided and len(undecided) < len(rows):
        names = listed([efficient_family(row) for row in undecided])
        sentences.append(f"for {names} it cannot be told")
    return sentences


def _maxima(rows: Sequence[Row]) -> list[str]:
    """Say of what ends within what may be measured where it does."""
    ends = {efficient_family(row): maximum_text(row) for row in rows}
    return [f"{name} takes nothing beyond {longest}" for name, longest in ends.items() if longest]


def _vanilla(rows: Sequence[Row]) -> str:
    """Return the name of the vanilla variant with the kernels that were the best somewhere."""
    kernels = [
        kernel for row in rows for kernel in str(row.get("vanilla_implementation")).split("/")
    ]
    return f"{vanilla_family(rows[0])} ({' or '.join(dict.fromkeys(kernels))})"
