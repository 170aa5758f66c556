"""What readers call weights: as much of a path as tells it from the others of a run.

A checkpoint is told apart by all of its path. Its name is for readers alone and stands beside it.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePath

from profiling.rows.columns import Row

# The column of a checkpoint, and where its name stands in a row that was given one.
NAMED = {"checkpoint": "checkpoint_name", "vanilla_checkpoint": "vanilla_checkpoint_name"}


def short_names(rows: Iterable[Row]) -> dict[str, str]:
    """Return the name of every checkpoint of rows of either kind: no two share one.

    A name is the end of a path, of as few parts as no other path ends with, else all of it.
    """
    found = {row.get(column) for row in rows for column in NAMED}
    checkpoints = sorted(str(checkpoint) for checkpoint in found if checkpoint)
    return {checkpoint: _shortest(checkpoint, checkpoints) for checkpoint in checkpoints}


def with_names(rows: Iterable[Row], names: Mapping[str, str]) -> list[Row]:
    """Return the rows with the names of their checkpoints; one without a name has its path."""
    return [_with_names(row, names) for row in rows]


def name_in(row: Row, column: str = "checkpoint") -> str:
    """Return what readers call a checkpoint of a row; empty where it has none."""
    return str(row.get(NAMED[column]) or row.get(column) or "")


def _with_names(row: Row, names: Mapping[str, str]) -> Row:
    found = {
        place: names[row[column]] for column, place in NAMED.items() if row.get(column) in names
    }
    return {**row, **found} if found else row


def _shortest(checkpoint: str, among: Collection[str]) -> str:
    own = PurePath(checkpoint).parts
    others = [PurePath(other).parts for other in among if other != checkpoint]
    for count in range(1, len(own) + 1):
        ending = own[-count:]
        if all(parts[-count:] != ending for parts in others):
            return str(PurePath(*ending))
    return checkpoint
