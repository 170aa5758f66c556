"""The upper panel of a still picture: what was measured, and what ran out of memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from profiling.analysis.points.curves import Curve
from profiling.report.charts.oom_marks import OomMark, free_strip, oom_marks
from profiling.report.palette import Styles, labelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_measured(axes: "Axes", curves: Sequence[Curve], styles: Styles, metric: str) -> None:
    """Draw one metric of all contenders.

    Args:
        axes: The panel.
        curves: What was measured.
        styles: Of the whole report.
        metric: The name of its column.
    """
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(True)
    for curve in curves:
        _draw_curve(axes, curve, styles, metric)
    if marks := oom_marks(curves, metric):
        low, high = axes.get_ylim()
        axes.set_ylim(low, low * (high / low) ** (1 / (1 - free_strip(marks))))
        _draw_marks(axes, marks, styles)


def _draw_curve(axes: "Axes", curve: Curve, styles: Styles, metric: str) -> None:
    style = styles.contenders[curve.contender]
    points = curve.measured(metric)
    axes.errorbar(
        [point.length for point in points],
        [point.values[metric].median for point in points],
        yerr=_bars(curve, metric),
        color=style.colour,
        linestyle=style.figure_dash,
        marker=style.figure_marker,
        markersize=4,
        linewidth=1.5,
        label=labelled(curve.contender, curve.modality),
    )
    hollow = [point for point in points if point.values[metric].disturbed]
    axes.plot(
        [point.length for point in hollow],
        [point.values[metric].median for point in hollow],
        color=style.colour,
        linestyle="none",
        marker=style.figure_marker,
        markersize=4,
        markerfacecolor="white",
        zorder=3,
    )


def _draw_marks(axes: "Axes", marks: Sequence[OomMark], styles: Styles) -> None:
    for mark in marks:
        axes.plot(
            mark.length,
            1 - mark.depth,
            "x",
            color=styles.contenders[mark.contender].colour,
            markeredgewidth=2,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
        )


def _bars(curve: Curve, metric: str) -> list[list[float]]:
    spreads = [point.values[metric] for point in curve.measured(metric)]
    below = [max(0.0, s.median - (s.median if s.low is None else s.low)) for s in spreads]
    above = [max(0.0, (s.median if s.high is None else s.high) - s.median) for s in spreads]
    return [below, above]
