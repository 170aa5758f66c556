"""Still pictures of the curves, one per modality, phase and setting."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.curves import Curve, drawn_metrics, spaced_lengths
from profiling.analysis.points.groups import Setting, free_name, safe_name
from profiling.report.figure_ratios import draw_ratio, plain_numbers
from profiling.report.palette import Styles, labelled
from profiling.rows.columns import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOLUTION = 100
# Given, not searched for: a layout that adapts itself takes most of the time of a picture.
MARGINS = {"left": 0.05, "right": 0.985, "top": 0.89, "bottom": 0.17, "wspace": 0.16, "hspace": 0.2}
# Names come from outside: a dollar sign in one must not start a formula.
LOOK: Any = {
    "text.parse_math": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
}


def draw_figures(
    curves: Sequence[Curve], tipping_points: Sequence[Row], styles: Styles
) -> dict[str, bytes]:
    """Return a PNG per modality, phase and setting, by file name without its ending."""
    # Imported here: everything else in a report works without waiting for matplotlib.
    from matplotlib import rc_context

    groups: dict[tuple[str, str, Setting], list[Curve]] = {}
    for curve in curves:
        groups.setdefault((curve.modality, curve.phase, curve.setting), []).append(curve)
    settings = {setting for _, _, setting in groups}
    pictures: dict[str, bytes] = {}
    with rc_context(LOOK):
        for (modality, phase, setting), members in groups.items():
            rows = select_rows(tipping_points, modality, phase, setting)
            name = _file_name(modality, phase, setting.describe(settings), pictures)
            title = f"{modality}, {phase} ({setting.describe()})"
            pictures[name] = _picture(title, members, rows, styles)
    return pictures


def select_rows(
    tipping_points: Iterable[Row], modality: str, phase: str, setting: Setting
) -> list[Row]:
    """Return the tipping point rows of one modality and phase that belong to a setting."""
    return [
        row
        for row in tipping_points
        if (row["modality"], row["phase"]) == (modality, phase) and setting.covers(row)
    ]


def _file_name(modality: str, phase: str, setting: str, taken: Mapping[str, bytes]) -> str:
    suffix = f"-{safe_name(setting)}" if setting else ""
    name = f"{safe_name(modality)}-{safe_name(phase)}{suffix}"
    return free_name(name, taken)


def _picture(
    title: str,
    curves: list[Curve],
    rows: list[Row],
    styles: Styles,
) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 6.4), dpi=RESOLUTION)
    figure.subplots_adjust(**MARGINS)
    FigureCanvasAgg(figure)
    metrics = drawn_metrics(curves)
    panels = figure.subplots(2, len(metrics), sharex=True, height_ratios=(3, 2), squeeze=False)
    unit = axis_unit(curves[0].modality)
    for measured, ratios, (metric, column) in zip(*panels, metrics.items(), strict=True):
        _draw_measured(measured, curves, styles, column.name)
        measured.set_title(f"{metric}, {column.unit}")
        chosen = [row for row in rows if row["metric"] == metric]
        comparison = draw_ratio(ratios, chosen, styles)
        ratios.set_title(f"{column.cost} relative to vanilla, {comparison}")
        ratios.set_xlabel(unit)
        plain_numbers(measured)
        plain_numbers(ratios)
    _set_lengths(panels[1][0], curves)
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    _add_legend(figure, panels[0][0])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_measured(axes: "Axes", curves: list[Curve], styles: Styles, metric: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(True)
    for curve in curves:
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
        for point in curve.out_of_memory(metric):
            axes.plot(
                point.length,
                0.98,
                "x",
                color=style.colour,
                markeredgewidth=2,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
            )


def _bars(curve: Curve, metric: str) -> list[list[float]]:
    spreads = [point.values[metric] for point in curve.measured(metric)]
    below = [max(0.0, s.median - (s.median if s.low is None else s.low)) for s in spreads]
    above = [max(0.0, (s.median if s.high is None else s.high) - s.median) for s in spreads]
    return [below, above]


def _set_lengths(axes: "Axes", curves: list[Curve]) -> None:
    lengths = spaced_lengths(point.length for curve in curves for point in curve.points)
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.minorticks_off()


def _add_legend(figure: "Figure", axes: "Axes") -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower left", ncols=min(len(labels), 5) or 1)
