"""What keeps a map from being a measurement row."""

import math
from typing import Any

from datamodules.nesting import LARGEST_INTEGER
from profiling.rows.columns import Column, Row, columns_of, value_of

# Products and ratios of two floats up to here are floats, and what is drawn has room around it.
LARGEST_FLOAT = 1e100


def wrong_column(row: Row) -> str | None:
    """Return in a few words what keeps a map from being a measurement row; None if nothing does."""
    for column in columns_of():
        if wrong := wrong_value(row, column):
            return wrong
    return f"`visit` must not be negative, got {row['visit']}" if row["visit"] < 0 else None


def wrong_value(row: Row, column: Column) -> str | None:
    """Return in a few words what a row cannot have in a column; None if nothing is wrong."""
    value = value_of(row, column)
    if value is None:
        return f"`{column.name}` must be given" if column.required else None
    if not _is_of(value, column.type):
        return f"`{column.name}` must be of type {column.type.__name__}, got {_short(value)}"
    if column.choices and value not in column.choices:
        choices = ", ".join(column.choices)
        return f"`{column.name}` must be one of {choices}, got {_short(value)}"
    held = value.values() if isinstance(value, dict) else value
    if column.items and not all(_is_of(item, column.items) for item in held):
        return f"`{column.name}` must hold {column.items.__name__}s alone, got {_short(value)}"
    return None


def _short(value: Any) -> str:
    return repr(value)[:60]


def _is_of(value: Any, wanted: type) -> bool:
    if isinstance(value, bool):
        return wanted is bool
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return False
    if isinstance(value, float) and value and not 1 / LARGEST_FLOAT < abs(value) < LARGEST_FLOAT:
        return not math.isfinite(value)  # which says that there is no number
    return isinstance(value, (int, float) if wanted is float else wanted)
