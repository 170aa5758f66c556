"""Where each efficient variant starts to win: upright lines with their lengths."""

from collections.abc import Iterator
from html import escape
from math import log

from profiling.analysis.answers.verdicts import shown_value
from profiling.analysis.points.readings import finite
from profiling.report.answers.verdicts import describe_verdict
from profiling.report.charts.inputs import ChartInput, Trace, comparison_choice, length_range
from profiling.report.charts.look import INK
from profiling.report.palette import efficient_family
from profiling.rows.columns import Row

# As shares of the measured panel: the height of one label, and of all of them together at most.
RUNG, MOST = 0.06, 0.4


def tipping_traces(chart: ChartInput, floor: float, ceiling: float) -> Iterator[Trace]:
    """Draw a line where each efficient variant starts to win, its length beside it."""
    placed: dict[str, int] = {}
    height = _rung_height(chart)
    for row in _crossing_rows(chart):
        choice = comparison_choice(row)
        index = placed[choice] = placed.get(choice, -1) + 1
        colour = chart.styles.of_row(row).colour
        place = shown_value(row)
        family = efficient_family(row)
        # One rung per variant, so that the labels of close tipping points do not collide.
        rung = floor * (ceiling / floor) ** (height * (index + 0.4))
        low, high = (finite(row.get(name)) or place for name in ("ci_low", "ci_high"))
        yield {
            "type": "scatter",
            "mode": "lines+markers+text",
            "name": escape(family),
            "meta": {"family": family, "comparison": choice},
            "x": [place, place, place],
            "y": [floor, rung, ceiling],
            "line": {"color": colour, "width": 1.2, "dash": "1px,3px"},
            "marker": {"size": [0, 6, 0], "symbol": "diamond", "color": colour},
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [0, max(0.0, high - place), 0],
                "arrayminus": [0, max(0.0, place - low), 0],
                "thickness": 1.4,
                "width": 0,
                "color": colour,
            },
            "text": ["", f" {'≤ ' if row.get('at_most') else ''}{place:,.0f} ", ""],
            "textposition": f"top {_free_side(chart, place)}",
            "textfont": {"size": 11, "color": INK},
            "hoverinfo": "text",
            "hovertext": f"{escape(family)}: {escape(describe_verdict(row).text)}",
        }


def _free_side(chart: ChartInput, place: float) -> str:
    """Return the side on which a number beside a tipping point has room, on a phone too."""
    low, high = length_range(chart)
    return "left" if log(place / low) > 0.75 * log(high / low) else "right"


def rungs_height(chart: ChartInput) -> float:
    """Return what all labels of tipping points take of the measured panel, from 0 to `MOST`."""
    return _num_rungs(chart) * _rung_height(chart)


def _rung_height(chart: ChartInput) -> float:
    return min(RUNG, MOST / max(_num_rungs(chart), 1))


def _num_rungs(chart: ChartInput) -> int:
    """Return how many labels stand above each other at most."""
    choices = [comparison_choice(row) for row in _crossing_rows(chart)]
    return max((choices.count(choice) for choice in choices), default=0)


def _crossing_rows(chart: ChartInput) -> list[Row]:
    """Return the rows with a crossing, the shortest length first."""
    rows = [
        row
        for row in chart.tipping_points
        if row.get("verdict") in {"crosses", "several"} and finite(row.get("tipping_point"))
    ]
    return sorted(rows, key=shown_value)
