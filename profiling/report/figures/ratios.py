"""The lower panel of a still picture: each efficient variant relative to its vanilla one."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from profiling.analysis.answers.verdicts import shown_value, trusted_outcomes
from profiling.report.palette import Style, Styles, efficient_family
from profiling.report.vanilla_models import vanilla_told
from profiling.rows.columns import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import FillStyleType

PREFERRED_COMPARISON = "best_vs_best"
# How markers are filled tells vanilla models apart: colour and stroke say the efficient side.
FILLS: "tuple[FillStyleType, ...]" = ("full", "none", "top", "left")


def draw_ratio(axes: "Axes", rows: list[Row], styles: Styles) -> str:
    """Draw one kind of comparison and return which."""
    axes.set_yscale("log")
    axes.grid(True)
    axes.axhline(1, color="#3d3d3d", linewidth=1)
    kinds = {row["comparison"] for row in rows}
    shown = PREFERRED_COMPARISON if PREFERRED_COMPARISON in kinds else next(iter(kinds), None)
    drawn = [row for row in rows if row["comparison"] == shown]
    models = sorted({vanilla_told(row, "") for row in drawn})
    for row in drawn:
        place = models.index(vanilla_told(row, ""))
        _draw_row(axes, row, styles.of_row(row), FILLS[place % len(FILLS)])
    return str(shown or "nothing to compare").replace("_", " ")


def _draw_row(axes: "Axes", row: Row, style: Style, fill: "FillStyleType") -> None:
    """Draw the curve of one comparison, its interval, and where it crosses."""
    items = trusted_outcomes([i for i in row.get("lengths") or () if i.get("ratio")])
    axes.plot(
        [item["length"] for item in items],
        [item["ratio"] for item in items],
        color=style.colour,
        linestyle=style.figure_dash,
        marker=style.figure_marker,
        markersize=4,
        fillstyle=fill,
        label=_name_of(row),
    )
    banded = [item for item in items if item.get("ci_low") and item.get("ci_high")]
    axes.fill_between(
        [item["length"] for item in banded],
        [item["ci_low"] for item in banded],
        [item["ci_high"] for item in banded],
        color=style.colour,
        alpha=0.15,
        linewidth=0,
    )
    if row.get("tipping_point") and row.get("verdict") != "always":
        axes.axvline(shown_value(row), color=style.colour, linestyle=":", linewidth=1.2)


def _name_of(row: Row) -> str:
    return f"{efficient_family(row)}{vanilla_told(row, ' over ')}"


def need_names(rows: Iterable[Row], styles: Styles) -> bool:
    """Tell whether curves share a colour, as two windows of a variant and many variants do."""
    colours = {_name_of(row): styles.of_row(row).colour for row in rows}
    return len({*colours.values()}) < len(colours)


def plain_numbers(axes: "Axes") -> None:
    """Label a log axis 1, 2, 5, 10: powers of ten alone are too far apart."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
