"""Below the ratios: what remains of a step where attention costs nothing."""

from collections.abc import Iterable
from html import escape
from typing import Any

from profiling.analysis.points.readings import finite
from profiling.report.charts.inputs import Trace, comparison_choice
from profiling.report.charts.look import QUIET
from profiling.report.palette import vanilla_family
from profiling.report.rounding import percent_of
from profiling.rows.columns import Row

DASHES = "\u2014 \u00b7 \u2014"
LABEL = "no attention can go below this"


def ceiling_traces(rows: Iterable[Row], unit: str) -> list[Trace]:
    """Return a line of 1 - ceiling per choice of the selector and vanilla variant.

    Comparisons of one choice share their vanilla side, so that they have one line together.
    """
    floors: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        place = (comparison_choice(row), vanilla_family(row))
        for item in row.get("lengths") or ():
            ceiling = finite(item.get("ceiling"))
            # On the axis of logarithms there is no place for nothing.
            if ceiling is not None and ceiling < 1:
                floors.setdefault(place, {})[int(item["length"])] = 1 - ceiling
    several = len({vanilla for _, vanilla in floors}) > 1
    return [
        _line(choice, f"{LABEL} ({escape(vanilla)})" if several else LABEL, floor, unit)
        for (choice, vanilla), floor in floors.items()
    ]


def ceiling_label(bottom: float, top: float) -> dict[str, Any]:
    """Return what says what the line is, in the corner where short lengths leave room."""
    return {
        "text": f"{DASHES} {LABEL}",
        "xref": "x domain",
        "yref": "paper",
        "x": 0.01,
        "y": bottom + 0.03 * (top - bottom),
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11, "color": QUIET},
    }


def _line(choice: str, label: str, floor: dict[int, float], unit: str) -> Trace:
    lengths = sorted(floor)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "yaxis": "y2",
        "name": label,
        "meta": {"comparison": choice},
        "x": lengths,
        "y": [floor[length] for length in lengths],
        "line": {"color": QUIET, "dash": "longdashdot", "width": 1.6},
        "marker": {"color": QUIET, "symbol": "line-ew-open", "size": 8},
        "customdata": [[percent_of(1 - floor[length], 1)] for length in lengths],
        "hovertemplate": f"attention is %{{customdata[0]}} of the step at %{{x:,}} {unit}:"
        f"<br>{LABEL}",
    }
