"""The row of a visit, as far as it is known without measuring."""

from typing import Any

from profiling.planning.visits import Visit
from profiling.rows.columns import columns_of


def row_of(visit: Visit) -> dict[str, Any]:
    """Return what was asked of a visit, and null for what a child will say."""
    unknown = {column.name: None for column in columns_of("result")}
    asked = {"key": visit.point.key, "visit": visit.number, "status": "ok"}
    return unknown | visit.point.columns | asked
