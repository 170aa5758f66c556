"""What all charts of the page share."""

from collections.abc import Sequence
from typing import Any

INK, QUIET, GRID, EDGE, PAPER = "#222222", "#6b6b6b", "#ececec", "#bdbdbd", "#ffffff"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
# What stands for a colour where the reader's system is dark; the page's script exchanges them.
DARK = {
    INK: "#e4e6e9",
    QUIET: "#a5abb3",
    GRID: "#2b3036",
    EDGE: "#5b626b",
    PAPER: "#14171a",
    "#3d3d3d": "#d6d9dd",
    "#767676": "#979da5",
    "#0072b2": "#4aa3e0",
    "#d55e00": "#f2843c",
    "#009e73": "#2fc79b",
    "#b0508a": "#dc8dbd",
    "#a87400": "#f3bb42",
    "#3a96cc": "#9ad6ff",
    "#8a8a8a": "#9a9fa6",
    "#4f6d8a": "#86a8c9",
    "#8a6d4f": "#c5a27c",
    "#8f6a00": "#f0c75e",
    "#1b7837": "#5fc27e",
    "#762a83": "#c58bd3",
    "#7a8f2a": "#b5cc57",
}


def plain_layout(height: float, top: int, bottom: int, left: int = 56) -> dict[str, Any]:
    """Return the layout that all charts begin with; margins are in pixels."""
    return {
        "height": height,
        "margin": {"l": left, "r": 14, "t": top, "b": bottom},
        "font": {"family": FONT, "size": 12, "color": INK},
        "showlegend": False,
        "hovermode": "closest",
        # Without a length plotly cuts names, and those of a variant begin alike.
        "hoverlabel": {
            "font": {"family": FONT, "size": 12},
            "align": "left",
            "namelength": -1,
        },
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "dragmode": "zoom",
    }


def plain_axis(title: str = "") -> dict[str, Any]:
    """Return a lower axis without its range."""
    return {
        "title": {"text": title, "standoff": 6, "font": {"size": 12, "color": QUIET}},
        "gridcolor": GRID,
        "linecolor": EDGE,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": EDGE,
    }


def table_of(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Return the numbers of a chart, which the page offers as a CSV file."""
    return {"columns": list(columns), "rows": [list(row) for row in rows]}
