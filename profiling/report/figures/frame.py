"""The frame of a still picture: title above, names below, with as much room as they need."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

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
RESOLUTION = 100
# In inches: the whole width, the edge of the paper, and what stands between the panels and the
# frame, which are the titles of panels above, ticks and their unit below.
WIDTH, EDGE, ABOVE, BELOW = 13.0, 0.12, 0.42, 0.6
# Given, not searched for: a layout that adapts itself takes most of the time of a picture.
SIDES = {"left": 0.05, "right": 0.985, "wspace": 0.16, "hspace": 0.2}
# How wide a line is depends on its letters, so a title is tried with fewer and fewer of them.
LETTERS = range(160, 40, -10)
# So many of the widest letters still fit.
LETTERS_OF_A_NAME = 90
NUM_COLUMNS = 5


@dataclass(frozen=True)
class Names:
    """What a picture draws, by name.

    Args:
        drawn: Handles of matplotlib by their name.
        of: What the names are about, where a picture has several such lists.
    """

    drawn: Mapping[str, Any]
    of: str | None = None

    @classmethod
    def in_panels(cls, panels: Iterable["Axes"], of: str | None = None) -> "Names":
        """Return all that is named in panels, each name once."""
        found: dict[str, Any] = {}
        for panel in panels:
            handles, names = panel.get_legend_handles_labels()
            found |= dict(zip(names, handles, strict=True))
        return cls(found, of)


def empty_figure(panels: float) -> "Figure":
    """Return a figure for panels.

    Args:
        panels: Their height in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, panels), dpi=RESOLUTION)
    FigureCanvasAgg(figure)
    return figure


def add_frame(figure: "Figure", title: str, *names: Names) -> None:
    """Add title and names to a figure with panels, which gets higher by what they take.

    Args:
        figure: Of `empty_figure`.
        title: What it shows.
        names: What stands below the panels, one below another.
    """
    panels = float(figure.get_figheight())
    heading = _add_title(figure, title)
    legends = [_add_legend(figure, each) for each in names]
    heights = [_inches(legend.get_window_extent().height) for legend in legends]
    above = EDGE + _inches(heading.get_window_extent().height) + ABOVE
    below = EDGE + sum(heights) + BELOW
    height = above + panels + below
    figure.set_figheight(height)
    figure.subplots_adjust(top=1 - above / height, bottom=below / height, **SIDES)
    heading.set_y(1 - EDGE / height)
    for place, legend in enumerate(legends):
        lower = EDGE + sum(heights[place + 1 :])
        legend.set_bbox_to_anchor((EDGE / WIDTH, lower / height))


def as_png(figure: "Figure") -> bytes:
    """Return the picture as a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _add_title(figure: "Figure", title: str) -> "Text":
    heading = figure.suptitle("", x=EDGE / WIDTH, ha="left", weight="bold")
    for letters in LETTERS:
        heading.set_text(fill(title, letters))
        if _inches(heading.get_window_extent().width) <= WIDTH - 2 * EDGE:
            break
    return heading


def _add_legend(figure: "Figure", names: Names) -> "Legend":
    """Add a legend with as many columns as its longest name leaves room for."""
    shown = [fill(name, LETTERS_OF_A_NAME) for name in names.drawn]
    handles = list(names.drawn.values())
    look: Any = {"loc": "lower left", "borderaxespad": 0, "alignment": "left", "title": names.of}
    column = figure.legend(handles, shown, **look)
    width = _inches(column.get_window_extent().width)
    column.remove()
    num_columns = max(1, min(NUM_COLUMNS, int((WIDTH - 2 * EDGE) / width)))
    return figure.legend(handles, shown, ncols=num_columns, **look)


def _inches(pixels: float) -> float:
    return pixels / RESOLUTION
