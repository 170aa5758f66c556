"""Lengths of answers as readers see them: tokens, frames, pixels, or seconds of audio."""

from profiling.analysis.points.axes import SECONDS, shown, unit_of
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
