"""What a run measured under the conditions that were measured last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from profiling.analysis.points.axes import row_length
from profiling.analysis.points.groups import Contender, Group, Points, Setting, group_rows
from profiling.analysis.points.readings import Efforts, finite
from profiling.rows.columns import Row


@dataclass(frozen=True)
class Newest:
    """The newest conditions of a modality and phase, with all that was measured under them.

    Args:
        group: The conditions.
        contenders: Of each contender its visits by length.
        rows: The same measurements as the run has them, oldest first. Rows by contender and length
            no longer tell which of two efforts came last.
    """

    group: Group
    contenders: Mapping[Contender, Points]
    rows: Sequence[Row]

    @cached_property
    def efforts(self) -> Efforts:
        """The efforts of all of them, the last used one first."""
        return Efforts(self.rows)

    @property
    def budget_gib(self) -> float | None:
        """Memory that each measurement had, in GiB; None where rows do not tell."""
        return finite(self.rows[-1].get("memory_budget_gib"))


def find_newest(rows: Sequence[Row], modality: str, phase: str) -> Newest | None:
    """Return the conditions that were measured last, and what was measured under them.

    Args:
        rows: Measurement rows of a run, oldest first.
        modality: Which rows are asked for.
        phase: The same.

    Returns:
        None where nothing was measured of this modality and phase.
    """
    asked = [
        row
        for row in rows
        if (row["modality"], row["phase"]) == (modality, phase) and row_length(row) is not None
    ]
    if not asked:
        return None
    last = Setting.of(asked[-1])
    newest = [row for row in asked if Setting.of(row) == last]
    ((group, contenders),) = group_rows(newest).items()
    return Newest(group, contenders, newest)
