"""A picture of length distributions: the share of samples and of positions up to each length."""

import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.counted import counted
from datamodules.modality import find_modality
from profiling.distributions.cutting import power_of
from profiling.distributions.summary import QUANTILES, Summary
from profiling.errors import SettingsError
from profiling.report.figures.frame import LOOK
from profiling.report.palette import COLOURS, VANILLA_COLOUR
from profiling.rows.files import check_writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = (".png", ".svg")
RESOLUTION = 150
# The longest sample is where a curve ends, and needs no mark.
MARKED = QUANTILES[:-1]


def check_picture(name: str | None) -> None:
    """Refuse a picture that could not be drawn, before long work.

    Raises:
        SettingsError: The ending is of another kind, or the file cannot be written.
    """
    if name is None:
        return
    if Path(name).suffix.lower() not in ENDINGS:
        raise SettingsError(f"`picture` must end in {' or '.join(ENDINGS)}, got {name}")
    check_writable("picture", Path(name))


def draw(summaries: Sequence[Summary], path: Path) -> None:
    """Draw the data sets into a file, a panel for each unit.

    Raises:
        SettingsError: The file cannot be written.
    """
    # Imported here: the numbers come without waiting for matplotlib.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    units = list(dict.fromkeys(each.distribution.unit for each in summaries))
    with rc_context(LOOK):
        figure = Figure(figsize=(7.5, 3.9 * len(units)), layout="constrained")
        panels = figure.subplots(len(units), squeeze=False)[:, 0]
        for panel, unit in zip(panels, units, strict=True):
            _draw_panel(panel, [each for each in summaries if each.distribution.unit == unit])
        try:
            figure.savefig(path, dpi=RESOLUTION)
        except OSError as error:
            raise SettingsError(f"`picture` {path} cannot be written: {error.strerror}") from error


def _draw_panel(panel: "Axes", summaries: Sequence[Summary]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for place, summary in enumerate(summaries):
        _draw_one(panel, summary, COLOURS[place % len(COLOURS)])
        _mark_quantiles(panel, summary, COLOURS[place % len(COLOURS)], place)
    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=_ticks(summaries)))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    panel.set_ylim(0, 1.03)
    panel.grid(which="major")
    panel.set_axisbelow(True)
    panel.set_xlabel(f"length in {_axis_words(summaries[0])}")
    panel.set_ylabel("share up to this length")
    _add_legend(panel, summaries)


def _ticks(summaries: Sequence[Summary]) -> tuple[int, ...]:
    """Return which multiples of powers of ten have a number, so that numbers do not touch."""
    shortest = min(each.distribution.values[0] for each in summaries)
    longest = max(each.recommended.max_length for each in summaries)
    decades = math.log10(max(longest / shortest, 1))
    return (1, 2, 5) if decades < 2.5 else (1, 3) if decades < 4.5 else (1,)


def _add_legend(panel: "Axes", summaries: Sequence[Summary]) -> None:
    """Name the data sets by colour and the lines by stroke, above the panel."""
    from matplotlib.lines import Line2D

    names = [_name(summary) for summary in summaries]
    lines = [Line2D([], [], color=COLOURS[n % len(COLOURS)]) for n in range(len(names))]
    strokes: dict[str, Any] = {
        "samples": "-",
        summaries[0].distribution.unit: "--",
        "recommended max_length": ":",
    }
    keys = [Line2D([], [], color=VANILLA_COLOUR, linestyle=stroke) for stroke in strokes.values()]
    panel.legend(
        [*lines, *keys],
        [*names, *strokes],
        loc="lower left",
        bbox_to_anchor=(0, 1.01),
        ncols=3,
        fontsize=8,
        borderaxespad=0,
    )


def _name(summary: Summary) -> str:
    distribution = summary.distribution
    told = counted(distribution.count, "sample")
    if distribution.sampled:
        told = f"{distribution.count:,} of {counted(distribution.sampled.drawn_from, 'sample')}"
    return f"{distribution.name} ({told})"


def _axis_words(summary: Summary) -> str:
    return find_modality(summary.distribution.modality).axis_unit


def _draw_one(panel: "Axes", summary: Summary, colour: str) -> None:
    distribution = summary.distribution
    values, counts = distribution.values, distribution.counts
    # From 0 on, so that a data set of one length is a line too.
    xs = [values[0], *values]
    panel.step(xs, [0.0, *_cumulative(counts)], where="post", color=colour)
    power = power_of(distribution)
    positions = [value**power * count for value, count in zip(values, counts, strict=True)]
    panel.step(
        xs,
        [0.0, *_cumulative(positions)],
        "--",
        where="post",
        color=colour,
        alpha=0.6,
        linewidth=1,
    )
    panel.axvline(summary.recommended.max_length, color=colour, linestyle=":", linewidth=1)


def _mark_quantiles(panel: "Axes", summary: Summary, colour: str, place: int) -> None:
    """Mark the quantiles, of every other data set to the right, as curves may lie together."""
    from matplotlib.patheffects import withStroke

    marked = summary.quantiles[: len(MARKED)]
    offset, side = ((-5, 3), "right") if place % 2 == 0 else ((5, -8), "left")
    panel.plot(marked, MARKED, "o", color=colour, markersize=4)
    for length, share in zip(marked, MARKED, strict=True):
        panel.annotate(
            f"{100 * share:g} %: {length:,}",
            (length, share),
            offset,
            textcoords="offset points",
            ha=side,
            fontsize=7,
            color=colour,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )


def _cumulative(weights: Sequence[int]) -> list[float]:
    total = sum(weights)
    return [each / total for each in accumulate(weights)]
