"""The most that any attention could save, in words."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import log

from datamodules.lengths import LengthDistribution
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.readings import finite
from profiling.report.palette import vanilla_family
from profiling.report.rounding import percent_of, places_for
from profiling.rows.columns import Row

# What a best implementation leaves to attention is what a better attention could still save.
ORDER = ("best_vs_best", "like_for_like", "pair")
Ceilings = Mapping[int, float]
"""The ceiling by length, shortest first."""


def ceilings_by_vanilla(rows: Iterable[Row]) -> dict[str, Ceilings]:
    """Return the ceilings that the answers of one phase and setting know, by vanilla variant.

    They come from one kind of comparison, against the best implementation if that is known.
    """
    found: dict[tuple[str, int], dict[int, float]] = {}
    for row in rows:
        found.setdefault((vanilla_family(row), _preference(row)), {}).update(ceilings_of_row(row))
    told: dict[str, Ceilings] = {}
    for (vanilla, _), ceilings in sorted(found.items(), key=lambda item: item[0][1]):
        if ceilings:
            told.setdefault(vanilla, dict(sorted(ceilings.items())))
    return told


def ceiling_sentences(
    rows: Sequence[Row], distributions: Iterable[LengthDistribution] = ()
) -> tuple[str, ...]:
    """Say what attention takes where the user's data are, else at both ends; nothing if unknown.

    Args:
        rows: Answers of one modality, phase and setting.
        distributions: Lengths of real data of that modality.
    """
    if not rows:
        return ()
    unit = axis_unit(str(rows[0]["modality"]))
    data = list(distributions)
    return tuple(
        _sentence(vanilla, ceilings, data, unit)
        for vanilla, ceilings in ceilings_by_vanilla(rows).items()
    )


def _sentence(
    vanilla: str, ceilings: Ceilings, data: Sequence[LengthDistribution], unit: str
) -> str:
    places = [_at_mean(each, ceilings, unit) for each in data]
    places = places or [(f"{length:,} {unit}", ceilings[length]) for length in _ends(ceilings)]
    (where, share), *others = places
    first = f"{percent_of(share)} of the step of {vanilla} at {where}"
    listed = " and ".join([first, *(f"{percent_of(share)} at {where}" for where, share in others)])
    return f"Attention is {listed}: no efficient attention can save more."


def describe_reach(item: Row) -> str:
    """Say what a variant saves at one length of what attention takes; empty where unknown."""
    ceiling, ratio = finite(item.get("ceiling")), finite(item.get("ratio"))
    if ceiling is None or ratio is None:
        return ""
    saving = 1 - ratio
    if saving <= 0:
        return f"saves nothing of the {percent_of(ceiling)} that attention takes"
    # Of the two neither may read as the other.
    places = places_for([100 * saving], [100 * ceiling], 0)
    saved, most = percent_of(saving, places), percent_of(ceiling, places)
    if saving > ceiling:
        return f"saves {saved}, more than the {most} that attention takes"
    return f"saves {saved} of the step, of which attention takes {most}"


def _preference(row: Row) -> int:
    kind = row.get("comparison")
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def ceilings_of_row(row: Row) -> dict[int, float]:
    """Return the known ceilings of one answer by length."""
    return {
        int(item["length"]): ceiling
        for item in row.get("lengths") or ()
        if (ceiling := finite(item.get("ceiling"))) is not None
    }


def _ends(ceilings: Ceilings) -> list[int]:
    return list(dict.fromkeys((min(ceilings), max(ceilings))))


def _at_mean(data: LengthDistribution, ceilings: Ceilings, unit: str) -> tuple[str, float]:
    mean = data.mean
    shortest, longest = min(ceilings), max(ceilings)
    if shortest <= mean <= longest:
        return f"{mean:,.0f} {unit}, the mean of {data.name}", _between(mean, ceilings)
    near = shortest if mean < shortest else longest
    words = f"{near:,} {unit}, the nearest known to the mean of {data.name} ({mean:,.0f})"
    return words, ceilings[near]


def _between(length: float, ceilings: Ceilings) -> float:
    """Return the ceiling at a length, along straight lines in the logarithm of the length."""
    known = list(ceilings)
    if len(known) == 1:
        return ceilings[known[0]]
    place = min(bisect_right(known, length), len(known) - 1)
    left, right = known[place - 1], known[place]
    part = log(length / left) / log(right / left)
    return ceilings[left] + part * (ceilings[right] - ceilings[left])
