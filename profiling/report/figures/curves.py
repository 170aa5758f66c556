"""Still pictures of the curves, one per modality, phase and setting."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.curves import Curve, drawn_metrics, spaced_lengths
from profiling.analysis.points.groups import Setting, free_name, safe_name
from profiling.report.figures.frame import LOOK, Names, add_frame, as_png, empty_figure
from profiling.report.figures.measured import draw_measured
from profiling.report.figures.ratios import draw_ratio, need_names, plain_numbers
from profiling.report.palette import Styles
from profiling.rows.columns import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 4.6  # inches


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
            pictures[name] = as_png(draw_figure(title, members, rows, styles))
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


def draw_figure(
    title: str, curves: Sequence[Curve], rows: Sequence[Row], styles: Styles
) -> "Figure":
    """Return the picture of one modality, phase and setting.

    Args:
        title: What it shows.
        curves: What was measured.
        rows: Tipping points.
        styles: Of the whole report.
    """
    figure = empty_figure(PANELS)
    metrics = drawn_metrics(curves)
    panels = figure.subplots(2, len(metrics), sharex=True, height_ratios=(3, 2), squeeze=False)
    unit = axis_unit(curves[0].modality)
    for measured, ratios, (metric, column) in zip(*panels, metrics.items(), strict=True):
        draw_measured(measured, curves, styles, column.name)
        measured.set_title(f"{metric}, {column.unit}")
        chosen = [row for row in rows if row["metric"] == metric]
        comparison = draw_ratio(ratios, chosen, styles)
        ratios.set_title(f"{column.cost} relative to vanilla, {comparison}")
        ratios.set_xlabel(unit)
        plain_numbers(measured)
        plain_numbers(ratios)
    _set_lengths(panels[1][0], curves)
    names = [Names.in_panels(panels[0])]
    if need_names(rows, styles):
        names.append(Names.in_panels(panels[1], of="relative to vanilla"))
    add_frame(figure, title, *names)
    return figure


def _set_lengths(axes: "Axes", curves: Sequence[Curve]) -> None:
    lengths = spaced_lengths(point.length for curve in curves for point in curve.points)
    axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
    axes.minorticks_off()
