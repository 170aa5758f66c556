"""What is measured, and under which conditions: what tells two curves apart."""

import itertools
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from datamodules.modality import MODALITIES
from profiling.analysis.points.axes import row_length
from profiling.analysis.points.checkpoints import name_in
from profiling.rows.columns import PHASES, Row, columns_of, shared_conditions, value_of

# These parts of an identity have fields of their own below; of others a column is enough.
NAMED = ("modality", "variant", "implementation", "attention_window", "checkpoint")


@dataclass(frozen=True)
class Setting:
    """What every curve of one chart shares, beside its phase: one text per condition."""

    values: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, row: Row) -> "Setting":
        """Return the setting of a row of either kind; what the row lacks is an empty text."""
        return cls(
            tuple((column.name, _text(value_of(row, column))) for column in _told_apart_by())
        )

    def __getitem__(self, name: str) -> str:
        """Return the value of a condition."""
        return dict(self.values)[name]

    def only(self, names: Container[str]) -> "Setting":
        """Return what it says of some conditions."""
        return Setting(tuple((name, value) for name, value in self.values if name in names))

    def covers(self, row: Row) -> bool:
        """Tell whether nothing in a tipping point row contradicts this setting."""
        return all(
            row.get(name) is None or _text(row[name]) == value for name, value in self.values
        )

    def describe(self, among: Iterable["Setting"] = ()) -> str:
        """Return it in a few words; given others, only in what tells it from them."""
        others = list(among)
        words = {column.name: column.words for column in _told_apart_by()}
        told = [
            (words[name] or f"{name} {{}}").format(value)
            for name, value in self.values
            if value and (any(other[name] != value for other in others) if others else words[name])
        ]
        return ", ".join(told)


def _told_apart_by() -> list[Any]:
    return [column for column in shared_conditions() if column.name != "phase"]


@dataclass(frozen=True)
class Contender:
    """One line of a chart: a variant with its implementation, window and weights.

    Args:
        variant: Its name.
        implementation: Of its attention.
        attention_window: In tokens; None where it has none.
        checkpoint: Its weights, with all of their path.
        others: Further parts of the identity, as (name, value) where they are not the usual ones.
        checkpoint_name: What readers call the weights, which tells nothing apart.
    """

    variant: str
    implementation: str
    attention_window: int | None
    checkpoint: str | None
    others: tuple[tuple[str, str], ...] = ()
    checkpoint_name: str = field(default="", compare=False)

    @classmethod
    def of(cls, row: Row) -> "Contender":
        """Return what a measurement row is a measurement of."""
        others = tuple(
            (column.name, _text(value))
            for column in columns_of("identity")
            if column.name not in NAMED and (value := value_of(row, column)) != column.before
        )
        return cls(
            _text(row.get("variant")),
            _text(row.get("implementation")),
            row.get("attention_window"),
            row.get("checkpoint"),
            others,
            name_in(row),
        )

    @property
    def kernel(self) -> str:
        """Return what tells it from others of the same mathematics."""
        words = {
            column.name: column.words or f"{column.name} {{}}" for column in columns_of("identity")
        }
        return " ".join(
            [self.implementation, *(words[name].format(value) for name, value in self.others)]
        )

    @property
    def family(self) -> str:
        """Return what all implementations of the same mathematics share."""
        return family_of(self.variant, self.attention_window, self._weights)

    @property
    def label(self) -> str:
        """Return the name that a reader sees."""
        return f"{self.family} {self.kernel}"

    @property
    def folder(self) -> str:
        """Return a name that is safe as a folder."""
        parts = [self.variant, self.kernel]
        if self.attention_window:
            parts.append(f"w{self.attention_window}")
        if self._weights:
            parts.append(self._weights)
        return safe_name("-".join(parts))

    @property
    def _weights(self) -> str:
        return self.checkpoint_name or self.checkpoint or ""


@dataclass(frozen=True)
class Group:
    """Rows that may meet: of one modality and phase, under the same conditions."""

    modality: str
    phase: str
    setting: Setting


Points = dict[int, list[Row]]
"""The visits of one contender by their length, as a sweep of the modality counts it."""


def group_rows(rows: Iterable[Row]) -> dict[Group, dict[Contender, Points]]:
    """Return rows by what may meet, what was measured and the length, in order of appearance.

    A row without a length is left out; the table of all rows still lists it.
    """
    groups: dict[Group, dict[Contender, Points]] = {}
    for row in rows:
        length = row_length(row)
        if length is None:
            continue
        group = Group(_text(row.get("modality")), _text(row.get("phase")), Setting.of(row))
        points = groups.setdefault(group, {}).setdefault(Contender.of(row), {})
        points.setdefault(length, []).append(row)
    return groups


def family_of(variant: str, attention_window: int | None, weights: str | None = None) -> str:
    """Return the name of a variant, with its window and its weights when it has them.

    Args:
        variant: Its name.
        attention_window: In tokens.
        weights: What readers call its checkpoint: `name_in`.
    """
    window = f" w{attention_window}" if attention_window else ""
    named = f" ({weights})" if weights else ""
    return f"{variant}{window}{named}"


def rank(word: str) -> int:
    """Return the place of a modality or phase in every listing; unknown words come last."""
    known = (*MODALITIES, *PHASES)
    return known.index(word) if word in known else len(known)


def safe_name(text: str) -> str:
    """Return the text as one harmless path component."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip("._")[:100] or "unnamed"


def free_name(name: str, taken: Container[str]) -> str:
    """Return the name, or where it is taken the name with the first number that is free."""
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in taken)


def _text(value: object) -> str:
    return "" if value is None else str(value)
