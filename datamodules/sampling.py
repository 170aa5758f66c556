"""Looking through the samples of a source: at all of them or at some, and who hears of it."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from datamodules.errors import DataError, validate_minimum

Entry = TypeVar("Entry")
NORMAL_95 = 1.959964  # half width of a 95 % interval, in standard errors


@dataclass(frozen=True)
class Sampled:
    """Where a distribution is that of some samples: out of how many they were drawn.

    Args:
        drawn_from: Samples of the whole source, damaged and empty ones included.
        seed: Of the draw, which was without replacement.
    """

    drawn_from: int
    seed: int

    def unseen(self, count: int) -> float:
        """Return the share of the source that `count` samples leave unseen, between 0 and 1."""
        return max(0.0, 1 - count / self.drawn_from)

    def to_dict(self, values: Sequence[int], counts: Sequence[int]) -> dict[str, Any]:
        """Return the field `sampled` of `lengths.json`, for whoever reads that file.

        `share_margin` is the half width of the 95 % interval of a share of the samples, that of a
        half, which is the widest. Shares of the positions may be known less well: there each
        sample counts by its length.

        Args:
            values: The lengths, each once.
            counts: Samples of each.
        """
        mean, error = mean_and_error(values, counts, self)
        # A share of a half has the widest interval.
        margin = NORMAL_95 * math.sqrt(0.25 / sum(counts) * self.unseen(sum(counts)))
        return {
            "drawn_from": self.drawn_from,
            "seed": self.seed,
            "mean": mean,
            "standard_error": error,
            "mean_interval": [mean - NORMAL_95 * error, mean + NORMAL_95 * error],
            "share_margin": margin,
        }

    @classmethod
    def from_dict(cls, fields: Any) -> "Sampled | None":
        """Read the field `sampled`; files of whole sources have none.

        Raises:
            DataError: It is something else.
        """
        if fields is None:
            return None
        names = ("drawn_from", "seed")
        if not isinstance(fields, dict) or any(type(fields.get(name)) is not int for name in names):
            raise DataError(f"`sampled` must have integers drawn_from and seed, got {fields!r:.80}")
        return cls(*(fields[name] for name in names))


def mean_and_error(
    values: Sequence[int], counts: Sequence[int], sampled: Sampled | None
) -> tuple[float, float]:
    """Return the mean length and its standard error, which is 0 where nothing is unseen.

    Of n samples with standard deviation s, drawn without replacement out of N, the standard error
    is `s / sqrt(n) * sqrt(1 - n / N)` (Cochran, Sampling Techniques, 1977, section 2.6).
    """
    count = sum(counts)
    mean = sum(map(math.prod, zip(values, counts, strict=True))) / count
    if sampled is None or count < 2:
        return mean, 0.0
    squares = sum(n * (value - mean) ** 2 for value, n in zip(values, counts, strict=True))
    return mean, math.sqrt(squares / (count - 1) / count * sampled.unseen(count))


@dataclass
class Sampling:
    """How a source is looked through.

    Args:
        most: Draw so many samples, without replacement; None looks at all.
        seed: Of the draw.
        tell: Is told after each sample how many are done, and of how many.

    Attributes:
        sampled: What was drawn from; None until then, and where all are looked at.
        is_obeyed: Whether the source has asked which samples to look at.
    """

    most: int | None = None
    seed: int = 0
    tell: Callable[[int, int], None] | None = None
    sampled: Sampled | None = field(default=None, init=False)
    is_obeyed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.most is not None:
            validate_minimum("sample", self.most, 2)
        validate_minimum("seed", self.seed, 0)

    def draw(self, count: int) -> Sequence[int]:
        """Return which of `count` samples are looked at, ascending."""
        self.is_obeyed = True
        if self.most is None or self.most >= count:
            return range(count)
        self.sampled = Sampled(count, self.seed)
        return sorted(random.Random(self.seed).sample(range(count), self.most))

    def choose(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return those of the entries that are looked at, in their order."""
        return [entries[place] for place in self.draw(len(entries))]

    def follow(self, entries: Sequence[Entry], weight: int = 1) -> Iterator[Entry]:
        """Go through the entries, each of which stands for `weight` samples, and tell of it."""
        for number, entry in enumerate(entries, 1):
            yield entry
            if self.tell is not None:
                self.tell(number * weight, len(entries) * weight)
