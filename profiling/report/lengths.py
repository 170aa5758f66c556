"""Lengths of answers as readers see them: tokens, frames, pixels, or seconds of audio."""

from profiling.analysis.points.axes import SECONDS, axis_of, on_axis, shown, unit_of
from profiling.analysis.points.readings import finite
from profiling.rows.columns import Row

# Shorter ones have a decimal place or two.
WHOLE_SECONDS = 100


def number_text(value: object, row: Row) -> str:
    """Return a length of a tipping point row in its `unit_of`, without it; "?" for none."""
    number = finite(value)
    if number is None:
        return "?"
    number = shown(number, row)
    is_short = unit_of(row) == SECONDS and number < WHOLE_SECONDS
    return f"{number:.3g}" if is_short else f"{number:,.0f}"


def own_text(length: float, row: Row) -> str:
    """Return a length of a sweep as the answers of a pair say it, with its unit.

    Args:
        length: In the lengths of the sweep.
        row: A tipping point row of the pair, also one that counts as the sweep does.
    """
    modality = str(row["modality"])
    axis = axis_of(modality, str(row["vanilla"]), str(row["efficient"]))
    pair = {"modality": modality, "axis": axis}
    return f"{number_text(on_axis(length, pair), pair)} {unit_of(pair)}"
