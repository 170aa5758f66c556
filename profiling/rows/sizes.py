"""The size of a checkpoint's model, which nobody knows before the model is built.

A row begins with the size that the sweep has for models without a checkpoint. It keeps that size
where its model was never built, because the visit was skipped or failed before. Such a row would
stand apart from all others of its checkpoint.
"""

from collections.abc import Iterable, Mapping

from profiling.rows.columns import Row

Place = tuple[object, object, object]
"""Modality, variant and checkpoint: together they decide the size."""


def built_sizes(rows: Iterable[Row]) -> dict[Place, str]:
    """Return the size of every checkpoint that was built; the last row tells."""
    return {_place(row): row["size"] for row in rows if row.get("checkpoint") and _is_built(row)}


def with_sizes(rows: Iterable[Row], sizes: Mapping[Place, str]) -> list[Row]:
    """Return the rows; those of which the model was never built get the size of their checkpoint.

    Args:
        rows: Measurements, or searches of the frontier, which do not say whether they built it.
        sizes: By checkpoint: `built_sizes`. A row of any other keeps the size that it has.
    """
    return [row if _is_built(row) else _with_size(row, sizes) for row in rows]


def _with_size(row: Row, sizes: Mapping[Place, str]) -> Row:
    size = sizes.get(_place(row), row.get("size"))
    return row if size == row.get("size") else {**row, "size": size}


def _place(row: Row) -> Place:
    return row.get("modality"), row.get("variant"), row.get("checkpoint")


def _is_built(row: Row) -> bool:
    # Nobody can count the parameters of what was never built.
    return row.get("parameters") is not None
