"""The length distribution of a data set, and its file."""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from datamodules.counted import counted
from datamodules.errors import DataError
from datamodules.files.writing import write_text
from datamodules.modality import find_modality
from datamodules.nesting import parse_bounded_json
from datamodules.sampling import Sampled


@dataclass(frozen=True)
class LengthDistribution:
    """How many samples of a data set have which length.

    Args:
        name: Name of the data set in a plot.
        modality: `text`, `speech` or `vision`.
        unit: Unit of `values`: `tokens`, `frames` or `pixels` (side of the square with the
            image's area).
        values: Lengths on the modality's axis, ascending, each once.
        counts: Samples that have each length.
        source: Where the data came from.
        left_out: How many samples and files of the source are none of these, by reason and then by
            file ending.
        sampled: What these samples were drawn from; None where they are the whole source.

    Raises:
        DataError: the parts do not fit together.
    """

    name: str
    modality: str
    unit: str
    values: tuple[int, ...]
    counts: tuple[int, ...]
    source: str
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sampled: Sampled | None = None

    def __post_init__(self) -> None:
        unit = find_modality(self.modality).unit
        if self.unit != unit:
            raise DataError(f"`unit` of {self.modality} must be {unit}, got {self.unit!r}")
        _validate_numbers("values", self.values)
        _validate_numbers("counts", self.counts)
        if len(self.values) != len(self.counts):
            raise DataError(
                "`values` and `counts` must have the same number of entries, "
                f"got {len(self.values)} and {len(self.counts)}"
            )
        if any(left >= right for left, right in pairwise(self.values)):
            raise DataError("`values` must be ascending and without repetition")
        if self.sampled is None:
            return
        if self.sampled.drawn_from < self.count:
            raise DataError(
                "`sampled` must be drawn from at least the "
                f"{counted(self.count, 'sample that there is', 'samples that there are')}, "
                f"got {self.sampled.drawn_from}"
            )
        self.sampled.check(self.count)

    @property
    def count(self) -> int:
        """Number of samples."""
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """Mean length of the samples."""
        pairs = zip(self.values, self.counts, strict=True)
        return sum(value * count for value, count in pairs) / self.count

    @property
    def count_left_out(self) -> int:
        """Number of samples and files that were left out."""
        return sum(sum(counts.values()) for counts in self.left_out.values())

    @property
    def count_found(self) -> int:
        """Number of samples and files of the whole source, whatever they are."""
        if self.sampled is None:
            return self.count + self.count_left_out
        damaged = self.sampled.looked_at(self.count) - self.count
        return self.sampled.drawn_from + self.count_left_out - damaged

    def quantiles(self, fractions: Sequence[float]) -> list[int]:
        """Return, for each fraction, the shortest length that this share of samples fits in."""
        cumulative = list(accumulate(self.counts))
        return [self._quantile(fraction, cumulative) for fraction in fractions]

    def _quantile(self, fraction: float, cumulative: Sequence[int]) -> int:
        if not 0 <= fraction <= 1:
            raise DataError(f"a quantile must lie between 0 and 1, got {fraction}")
        needed = fraction * self.count
        # The tolerance keeps 0.07 * 100 = 7.000000000000001 from asking for an eighth sample.
        return next(
            value
            for value, below in zip(self.values, cumulative, strict=True)
            if below >= needed - 1e-9 * self.count
        )

    def share_beyond(self, length: float) -> float:
        """Return the share of the samples that are at least this long, between 0 and 1."""
        longer = bisect_left(self.values, length)
        return sum(self.counts[longer:]) / self.count

    @classmethod
    def from_lengths(
        cls,
        lengths: Iterable[int],
        name: str,
        modality: str,
        source: str,
        left_out: Mapping[str, Mapping[str, int]] | None = None,
        sampled: Sampled | None = None,
    ) -> "LengthDistribution":
        """Count the lengths of single samples."""
        unit = find_modality(modality).unit
        counted = sorted(Counter(int(length) for length in lengths).items())
        if not counted:
            raise DataError(f"`source` {source} holds no samples")
        values, counts = zip(*counted, strict=True)
        return cls(name, modality, unit, values, counts, source, left_out or {}, sampled)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of `lengths.json`.

        The account is there only where something was left out, `sampled` only where samples were
        drawn.
        """
        account = {
            "found": self.count_found,
            "left_out": {reason: dict(counts) for reason, counts in self.left_out.items()},
        }
        return {
            "name": self.name,
            "modality": self.modality,
            "unit": self.unit,
            "count": self.count,
            "values": list(self.values),
            "counts": list(self.counts),
            "source": self.source,
            **(account if self.left_out else {}),
            **({"sampled": self.sampled.to_dict(self.values, self.counts)} if self.sampled else {}),
        }

    @classmethod
    def from_dict(cls, fields: Any) -> "LengthDistribution":
        """Make a distribution of what `to_dict` returned.

        Raises:
            DataError: A field is missing or cannot be.
        """
        if not isinstance(fields, dict) or not fields.keys() >= set(_FIELDS):
            raise DataError(f"expected an object with {', '.join(_FIELDS)}")
        for name in ("modality", "name", "source", "unit"):
            if not isinstance(fields[name], str):
                raise DataError(f"`{name}` must be a string, got {fields[name]!r}")
        for name in ("counts", "values"):
            if not isinstance(fields[name], list):
                raise DataError(f"`{name}` must be a list, got {fields[name]!r}")
        numbers = (tuple(fields["values"]), tuple(fields["counts"]))
        distribution = cls(
            fields["name"],
            fields["modality"],
            fields["unit"],
            *numbers,
            fields["source"],
            _read_left_out(fields.get("left_out", {})),  # older files have none
            Sampled.from_dict(fields.get("sampled")),
        )
        if distribution.count != fields["count"]:
            raise DataError(
                f"`count` must be the sum of `counts`, {distribution.count}, got {fields['count']}"
            )
        return distribution

    def to_json(self, path: str | Path) -> None:
        """Write the distribution, whole or not at all.

        Raises:
            DataError: The file cannot be written.
        """
        target = Path(path)
        try:
            write_text(target, json.dumps(self.to_dict()) + "\n")
        except OSError as error:
            raise DataError(f"cannot write lengths to {target}: {error.strerror}") from error

    @classmethod
    def from_json(cls, path: str | Path) -> "LengthDistribution":
        """Read the file that `to_json` wrote.

        Raises:
            DataError: the file is missing, cannot be read as JSON or does not hold a distribution.
        """
        try:
            fields = parse_bounded_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"cannot read lengths from {path}: {error.strerror}") from error
        except ValueError as error:
            raise DataError(f"lengths file {path} cannot be read as JSON: {error}") from error
        try:
            return cls.from_dict(fields)
        except DataError as error:
            raise DataError(f"lengths file {path}: {error}") from error


_FIELDS = ("count", "counts", "modality", "name", "source", "unit", "values")


def _read_left_out(given: Any) -> dict[str, dict[str, int]]:
    counts = given.values() if isinstance(given, dict) else [None]
    if not all(
        isinstance(each, dict) and all(type(number) is int for number in each.values())
        for each in counts
    ):
        raise DataError(f"`left_out` must be counts by reason and ending, got {given!r}")
    return {reason: dict(each) for reason, each in given.items()}


def _validate_numbers(setting: str, numbers: Sequence[Any]) -> None:
    if not numbers:
        raise DataError(f"`{setting}` must not be empty")
    for number in numbers:
        if type(number) is not int or number < 1:
            raise DataError(f"`{setting}` must be positive integers, got {number!r}")
