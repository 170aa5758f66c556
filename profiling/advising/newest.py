"""What a run measured under each set of conditions, and what was measured last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from profiling.analysis.points.axes import row_length
from profiling.analysis.points.groups import Contender, Group, Points, Setting, group_rows
from profiling.analysis.points.readings import Efforts, finite
from profiling.errors import SettingsError
from profiling.rows.columns import Row

CHOSEN_BY = ("precision", "device")  # conditions of which one directory often holds several


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


def choose_conditions(
    known: Sequence[Newest], precision: str | None, device: str | None
) -> list[Newest]:
    """Return the conditions with a precision and a device; None takes any.

    Raises:
        SettingsError: Nothing was measured with these.
    """
    given = dict(zip(CHOSEN_BY, (precision, device), strict=True))
    asked = {name: value for name, value in given.items() if value is not None}
    found = [
        each
        for each in known
        if all(each.group.setting[name] == value for name, value in asked.items())
    ]
    if not found:
        names = " and ".join(f"`{name}`" for name in asked)
        measured = dict.fromkeys(each.group.setting.only(asked).describe() for each in known)
        raise SettingsError(
            f"{names} must be of what the run measured ({'; '.join(measured)}), got "
            f"{', '.join(asked.values())}"
        )
    return found


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
    behind = len(problems) + 1
    if earlier := others[behind:]:
        way = _way_to([each.group.setting for each in known[behind:]], setting)
        notes.append(
            f"what was measured earlier under {', or under '.join(earlier)} does not count here: "
            f"{way} for an answer from it"
        )
    return notes


def _way_to(settings: Sequence[Setting], counting: Setting) -> str:
    """Say what to do for an answer from other conditions than those that count."""
    differing = (
        name for name in CHOSEN_BY if any(each[name] != counting[name] for each in settings)
    )
    given = " or ".join(f"`--{name}`" for name in differing)
    return f"give {given}" if given else "sweep it into a directory of its own"


def _measured_in(rows: Sequence[Row]) -> Newest:
    ((group, contenders),) = group_rows(rows).items()
    return Newest(group, contenders, rows)
