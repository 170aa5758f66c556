"""A still picture of the sentinel's readings, beside those of the curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from profiling.analysis.points.drift import Steadiness
from profiling.report.cautions import name_point
from profiling.report.charts.steadiness import AXIS, TITLE, Mark, colour_of, ends_of, marks_of
from profiling.report.figures.frame import LOOK, Names, add_frame, as_png, empty_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "sentinel"
PANEL = 1.7  # inches


def draw_steadiness(steadiness: Steadiness) -> dict[str, bytes]:
    """Return a PNG by its file name without the ending; none where there are no readings."""
    if not steadiness.series:
        return {}
    from matplotlib import rc_context

    with rc_context(LOOK):
        figure = empty_figure(PANEL)
        axes = figure.subplots()
        ratios: list[float] = []
        for place, series in enumerate(steadiness.series):
            marks = marks_of(series)
            _draw_marks(axes, marks, name_point(series[0]), colour_of(place))
            ratios += [mark.ratio for mark in marks if mark]
        _set_axes(axes, ratios)
        add_frame(figure, f"{NAME}, {TITLE}", Names.in_panels([axes]))
        return {NAME: as_png(figure)}


def _draw_marks(axes: "Axes", marks: Sequence[Mark | None], name: str, colour: str) -> None:
    look: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 4}
    gap = float("nan")
    numbers = [mark.number if mark else gap for mark in marks]
    axes.plot(numbers, [mark.ratio if mark else gap for mark in marks], label=name, **look)
    hollow = [mark for mark in marks if mark and mark.disturbed]
    look |= {"linestyle": "none", "markerfacecolor": "white"}
    axes.plot([mark.number for mark in hollow], [mark.ratio for mark in hollow], **look)


def _set_axes(axes: "Axes", ratios: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    axes.grid(True)
    axes.set_yscale("log")
    axes.set_ylim(*ends_of(ratios))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.set_xlabel(AXIS)
