"""The most that any attention could save, in words."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import log

from datamodules.lengths import LengthDistribution
from profiling.analysis.groups import axis_unit
from profiling.analysis.readings import finite
from profiling.report.palette import vanilla_family
from profiling.rows.columns import Row

# What a best implementation leaves to attention is what a better attention could still save.
ORDER = ("best_vs_best", "like_for_like", "pair")
Ceilings = Mapping[int, float]
"""The ceiling by length, shortest first."""


def ceilings_by_vanilla(rows: Iterable[Row]) -> dict[str, Ceilings]:
    """Return the ceilings that the answers of one phase and setting know, by vanilla variant.

    Those under its best implementation come before those of other comparisons.
    """
    found: dict[str, Ceilings] = {}
    for row in sorted(rows, key=_preference):
        ceilings = _ceilings_of(row)
        kept = found.get(vanilla_family(row), {})
        if ceilings:
            found[vanilla_family(row)] = dict(sorted({**ceilings, **kept}.items()))
    return found


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
    sentences = []
    for vanilla, ceilings in ceilings_by_vanilla(rows).items():
        places = [_at_mean(data, ceilings, unit) for data in distributions]
        shares = places or [_at_length(length, ceilings, unit) for length in _ends(ceilings)]
        where = "; ".join(f"{place} attention is {share:.0%}" for place, share in shares)
        sentences.append(
            f"A{where[1:]} of the step of {vanilla}: no efficient attention can save more."
        )
    return tuple(sentences)


def describe_reach(item: Row) -> str:
    """Say what a variant saves at one length of what attention takes; empty where unknown."""
    ceiling, ratio = finite(item.get("ceiling")), finite(item.get("ratio"))
    if ceiling is None or ratio is None:
        return ""
    saving = 1 - ratio
    if saving <= 0:
        return f"saves nothing of the {ceiling:.0%} that attention takes"
    if saving > ceiling:
        return f"saves {saving:.0%}, more than the {ceiling:.0%} that attention takes"
    return f"saves {saving:.0%} of the step, attention takes {ceiling:.0%}"


def _preference(row: Row) -> int:
    kind = row.get("comparison")
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def _ceilings_of(row: Row) -> dict[int, float]:
    return {
        int(item["length"]): ceiling
        for item in row.get("lengths") or ()
        if (ceiling := finite(item.get("ceiling"))) is not None
    }


def _ends(ceilings: Ceilings) -> list[int]:
    return list(dict.fromkeys((min(ceilings), max(ceilings))))


def _at_length(length: int, ceilings: Ceilings, unit: str) -> tuple[str, float]:
    return f"at {length:,} {unit}", ceilings[length]


def _at_mean(data: LengthDistribution, ceilings: Ceilings, unit: str) -> tuple[str, float]:
    mean = data.mean
    about = f"the mean of {data.name}"
    shortest, longest = min(ceilings), max(ceilings)
    if shortest <= mean <= longest:
        return f"at {mean:,.0f} {unit}, {about},", _between(mean, ceilings)
    near = shortest if mean < shortest else longest
    words = f"at {near:,} {unit}, the nearest that is known to {about} ({mean:,.0f}),"
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
