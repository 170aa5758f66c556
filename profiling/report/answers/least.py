"""Which variant costs least at the longest length, where that is known."""

from collections.abc import Mapping, Sequence
from typing import Any

from profiling.analysis.answers.tipping_points import MISSING
from profiling.analysis.answers.verdicts import WITH_VALUE
from profiling.analysis.points.maximum import maximum_on_axis
from profiling.analysis.points.readings import finite
from profiling.report.answers.verdicts import listed
from profiling.report.lengths import number_text
from profiling.report.palette import efficient_family, vanilla_family
from profiling.report.rounding import places_for
from profiling.rows.columns import Row


def describe_least(rows: Sequence[Row], unit: str) -> str:
    """Say which winner costs least at the longest length, and what it saves; empty where unknown.

    All ratios are to one vanilla variant, so two intervals that lie apart tell two variants apart.
    Nothing is said where a variant that may cost less has no ratio there, unless it takes no input
    so long.

    Args:
        rows: Best against best, of one vanilla variant and metric.
        unit: Of the lengths.
    """
    if any(row.get("longest_measured") is None for row in rows):
        return ""
    longest = max(int(row["longest_measured"]) for row in rows)
    ends = {efficient_family(row): _last(row) for row in rows}
    too_short = {efficient_family(row) for row in rows if _ends_before(row, longest)}
    able = {
        name: end
        for name, end in ends.items()
        if end.get("outcome") != "lose" and name not in too_short
    }
    winners = {efficient_family(row) for row in rows if row["verdict"] in WITH_VALUE} & set(able)
    if not winners or any(end["length"] != longest or not _known(end) for end in able.values()):
        return ""
    best = min(winners, key=lambda name: float(able[name]["ratio"]))
    rivals = [
        name
        for name, end in able.items()
        if name != best and end["ci_low"] <= able[best]["ci_high"]
    ]
    where = f"{number_text(longest, rows[0])} {unit}"
    if rivals:
        names = listed([best, *rivals])
        return f"which of {names} costs least at {where} cannot be told"
    least = "costs least," if len(rows) > 1 else "costs"
    saved = f"{_saving(able[best])} less than {vanilla_family(rows[0])}"
    return f"at {where} {best} {least} {saved}"


def _ends_before(row: Row, length: int) -> bool:
    """Tell whether the efficient side takes no input of a length."""
    longest = maximum_on_axis(row)
    return longest is not None and longest < length


def _last(row: Row) -> Mapping[str, Any]:
    """Return what is known at the longest length that was compared."""
    compared = [item for item in row.get("lengths") or () if item.get("outcome") != MISSING]
    return max(compared, key=lambda item: int(item["length"]), default={"length": 0})


def _known(item: Mapping[str, Any]) -> bool:
    return all(finite(item.get(name)) is not None for name in ("ratio", "ci_low", "ci_high"))


def _saving(item: Mapping[str, Any]) -> str:
    told = [100 * (1 - item[name]) for name in ("ratio", "ci_high", "ci_low")]
    places = places_for(told, (0.0, 100.0), 0)
    saving, low, high = (f"{value:.{places}f}" for value in told)
    return f"{saving} % [{low}-{high} %]"
