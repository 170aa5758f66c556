"""The mark of one rung: from where a variant wins, or in words what else is known."""

from collections.abc import Sequence
from html import escape
from math import sqrt
from typing import Any

from profiling.analysis.answers.verdicts import WITH_VALUE, shown_value
from profiling.analysis.points.readings import finite
from profiling.report.answers.verdicts import describe_verdict, first_after_wins
from profiling.report.charts.inputs import Trace
from profiling.report.charts.look import INK
from profiling.report.palette import efficient_family
from profiling.report.vanilla_models import vanilla_told
from profiling.rows.columns import Row

# Symbol and words of what has no number, by verdict.
WITHOUT_NUMBER = {
    "never_in_range": ("triangle-right-open", " not yet"),
    "wins_only_below": ("triangle-down-open", " only below"),
    "undecided": ("circle-open", " cannot tell"),
}


def rung_trace(row: Row, place: int, colour: str, lengths: Sequence[int]) -> Trace:
    """Return the mark of a rung, with its interval where it has one.

    Args:
        row: The rung.
        place: Of its line, counted from above.
        colour: Of the variant.
        lengths: All of the chart, shortest first.
    """
    family = efficient_family(row)
    against = f"{kernel_of(row)}{vanilla_told(row, ' of ')}"
    symbol, text, (low, value, high) = _look(row, lengths)
    return (_interval(low, value, high, colour) if low < high else {}) | {
        "type": "scatter",
        "mode": "markers+text",
        "cliponaxis": False,
        "name": escape(family),
        "meta": {"family": family},
        "x": [value],
        "y": [place],
        "marker": {"symbol": symbol, "size": 10, "color": colour},
        "text": [text],
        "textposition": f"middle {_roomy_side(value, lengths)}",
        "textfont": {"size": 11, "color": INK},
        "hovertemplate": f"{escape(family)} against {escape(against)}:<br>"
        f"{escape(describe_verdict(row).text)}<extra></extra>",
    }


def kernel_of(row: Row) -> str:
    """Return the vanilla kernel that a rung compares with."""
    return str(row.get("vanilla_implementation") or "")


def has_number(row: Row) -> bool:
    """Tell whether a rung wins for good from a length on."""
    return row["verdict"] in WITH_VALUE and finite(row.get("tipping_point")) is not None


def _look(row: Row, lengths: Sequence[int]) -> tuple[str, str, tuple[float, float, float]]:
    """Return symbol and words, and where they stand with the ends of the interval."""
    if not has_number(row):
        symbol, words = WITHOUT_NUMBER.get(str(row["verdict"]), WITHOUT_NUMBER["undecided"])
        place = _place_without_number(row, lengths)
        return symbol, words, (place, place, place)
    value = shown_value(row)
    low, high = (finite(row.get(name)) or value for name in ("ci_low", "ci_high"))
    if row.get("at_most"):
        return "triangle-left", "", (low, value, value)
    symbol = "triangle-left" if row["verdict"] == "always" else "diamond"
    return symbol, "", (min(low, value), value, max(high, value))


def _place_without_number(row: Row, lengths: Sequence[int]) -> float:
    """Return where the last wins end, else the longest length: of the rung, or of the chart."""
    later = first_after_wins(row) if row["verdict"] == "wins_only_below" else None
    return float(later or row.get("longest_measured") or lengths[-1])


def _interval(low: float, value: float, high: float, colour: str) -> dict[str, Any]:
    bar = {
        "type": "data",
        "symmetric": False,
        "array": [high - value],
        "arrayminus": [value - low],
        "thickness": 1.6,
        "width": 4,
        "color": colour,
    }
    return {"error_x": bar}


def _roomy_side(place: float, lengths: Sequence[int]) -> str:
    """Return the side on which words beside a mark have more room."""
    return "left" if place >= sqrt(lengths[0] * lengths[-1]) else "right"
