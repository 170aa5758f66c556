"""What a run measured under each set of conditions, and what was measured last."""

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
    return next(iter(find_conditions(rows, modality, phase)), None)


def find_conditions(rows: Sequence[Row], modality: str, phase: str) -> list[Newest]:
    """Return all conditions of a modality and phase, those that were measured last first.

    Args:
        rows: Measurement rows of a run, oldest first.
        modality: Which rows are asked for.
        phase: The same.
    """
    found: dict[Setting, list[Row]] = {}
    for row in rows:
        if (row["modality"], row["phase"]) == (modality, phase) and row_length(row) is not None:
            setting = Setting.of(row)
            found[setting] = found.pop(setting, [])  # the newest ones come last
            found[setting].append(row)
    return [_measured_in(own) for own in reversed(found.values())]


def describe_conditions(known: Sequence[Newest], problems: Sequence[str]) -> list[str]:
    """Say which conditions count, and which others a run has.

    Args:
        known: All of them, newest first.
        problems: Why the newest of them cannot answer, one each; those behind them count.
    """
    setting = known[len(problems)].group.setting
    others = [
        each.group.setting.describe([setting]) or each.group.setting.describe() for each in known
    ]
    notes = [f"conditions: {setting.describe()}"]
    notes += [
        f"what was measured later under {told} cannot answer: {problem}"
        for told, problem in zip(others, problems, strict=False)
    ]
    earlier = others[len(problems) + 1 :]
    if earlier:
        notes.append(
            f"what was measured earlier under {', or under '.join(earlier)} does not count here: "
            "sweep it into a directory of its own for an answer from it"
        )
    return notes


def _measured_in(rows: Sequence[Row]) -> Newest:
    ((group, contenders),) = group_rows(rows).items()
    return Newest(group, contenders, rows)
