"""The panel that compares each efficient variant with the vanilla one."""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from profiling.analysis.answers.verdicts import trusted_outcomes
from profiling.analysis.points.readings import finite
from profiling.report.ceilings import describe_reach
from profiling.report.charts.inputs import Trace, comparison_choice
from profiling.report.charts.look import PAPER
from profiling.report.palette import Style, Styles, efficient_family
from profiling.report.rounding import places_for
from profiling.rows.columns import Row

# Purple and green stay apart for colour-blind readers, and the shapes do without colour.
OUTCOMES = {
    "win": ("triangle-up", "#1b7837"),
    "tie": ("circle", "#8f6a00"),
    "lose": ("triangle-down", "#762a83"),
}
BAND_OPACITY = 0.14


def ratio_traces(rows: Iterable[Row], styles: Styles, unit: str) -> list[Trace]:
    """Return line, interval band and outcome marks of every comparison."""
    traces: list[Trace] = []
    for row in rows:
        items = [item for item in row.get("lengths") or () if item.get("outcome") in OUTCOMES]
        style = styles.of_row(row)
        measured = [item for item in items if _positive(item, "ratio")]
        known = trusted_outcomes(measured)
        traces += _band(row, [item for item in known if _has_interval(item)], style.colour)
        traces += _line(row, known, style, unit)
        traces += _untrusted(row, [item for item in measured if item not in known], unit)
        decided = [item for item in items if not _positive(item, "ratio")]
        traces += _decided_by_memory(row, decided, unit)
    return traces


def _has_interval(item: Row) -> bool:
    return all(_positive(item, name) for name in ("ratio", "ci_low", "ci_high"))


def _positive(item: Row, name: str) -> bool:
    value = finite(item.get(name))
    return value is not None and value > 0


def _shared(row: Row) -> Trace:
    family = efficient_family(row)
    return {
        "type": "scatter",
        "yaxis": "y2",
        "name": escape(family),
        "meta": {"family": family, "comparison": comparison_choice(row)},
    }


def _band(row: Row, items: list[Row], colour: str) -> Iterator[Trace]:
    if len(items) < 2:
        return
    lengths = [item["length"] for item in items]
    yield _shared(row) | {
        "mode": "lines",
        "x": lengths + lengths[::-1],
        "y": [item["ci_high"] for item in items] + [item["ci_low"] for item in items][::-1],
        "fill": "toself",
        "fillcolor": _faded(colour),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _line(row: Row, items: list[Row], style: Style, unit: str) -> Iterator[Trace]:
    if not items:
        return
    yield _shared(row) | {
        "mode": "lines+markers",
        "x": [item["length"] for item in items],
        "y": [item["ratio"] for item in items],
        "line": {"color": style.colour, "dash": style.dash, "width": 1.8},
        "marker": _marks(items),
        "customdata": [[*_told(item), _reach(item)] for item in items],
        "hovertemplate": f"%{{customdata[0]}} of vanilla at %{{x:,}} {unit}"
        "<br>%{customdata[1]}%{customdata[2]}",
    }


def _untrusted(row: Row, items: list[Row], unit: str) -> Iterator[Trace]:
    """Draw hollow, beside the line, what was measured too seldom to be believed."""
    if items:
        yield _shared(row) | {
            "mode": "markers",
            "x": [item["length"] for item in items],
            "y": [item["ratio"] for item in items],
            "marker": {"symbol": "circle-open", "color": OUTCOMES["tie"][1], "size": 9},
            "customdata": [[escape(str(item.get("reason") or ""))] for item in items],
            "hovertemplate": f"%{{y:.3f}} of vanilla at %{{x:,}} {unit}<br>%{{customdata[0]}}",
        }


def _decided_by_memory(row: Row, items: list[Row], unit: str) -> Iterator[Trace]:
    """Mark on the even line what has no ratio, because only one of the two fits in memory."""
    if items:
        yield _shared(row) | {
            "mode": "markers",
            "x": [item["length"] for item in items],
            "y": [1] * len(items),
            "marker": _marks(items) | {"size": 12},
            "customdata": [
                [item["outcome"], escape(str(item.get("reason") or ""))] for item in items
            ],
            "hovertemplate": f"%{{customdata[0]}} at %{{x:,}} {unit}<br>%{{customdata[1]}}",
        }


def _marks(items: list[Row]) -> dict[str, Any]:
    looks = [OUTCOMES[item["outcome"]] for item in items]
    return {
        "symbol": [symbol for symbol, _ in looks],
        "color": [fill for _, fill in looks],
        "size": 10,
        "line": {"color": PAPER, "width": 1},
    }


def _outcome(item: Row) -> str:
    """Return the outcome, and why it is a tie where its interval does not say it."""
    reason = item.get("reason")
    return f"{item['outcome']} ({escape(str(reason))})" if reason else str(item["outcome"])


def _told(item: Row) -> tuple[str, str]:
    """Return the ratio, and its outcome with the interval: what is decided never reads as 1."""
    ends = [item["ci_low"], item["ci_high"]] if _has_interval(item) else []
    neutral = (1.0,) if item["outcome"] in ("win", "lose") else ()
    places = places_for([item["ratio"], *ends], neutral, 3)
    ratio, *told = (f"{value:.{places}f}" for value in (item["ratio"], *ends))
    interval = f", 95 % interval {' to '.join(told)}" if told else ""
    return ratio, _outcome(item) + interval


def _reach(item: Row) -> str:
    words = describe_reach(item)
    return f"<br>{words}" if words else ""


def _faded(colour: str) -> str:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND_OPACITY})"
