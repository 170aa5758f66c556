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
        drawn: Samples that were drawn, damaged and empty ones included; None in earlier files.
    """

    drawn_from: int
    seed: int
    drawn: int | None = None

    def looked_at(self, count: int) -> int:
        """Return how many samples were drawn, where `count` of them can be used."""
        return count if self.drawn is None else self.drawn

    def unseen(self, count: int) -> float:
        """Return the share of the source that was not drawn, between 0 and 1.

        Args:
            count: Drawn samples that can be used.
        """
        return max(0.0, 1 - self.looked_at(count) / self.drawn_from)

    def check(self, count: int) -> None:
        """Raise DataError where so many usable samples cannot be among those that were drawn."""
        if not count <= self.looked_at(count) <= self.drawn_from:
            raise DataError(
                f"`drawn` of `sampled` must be at least {count}, as many as there are, and at most "
                f"{self.drawn_from}, of which they were drawn, got {self.drawn}"
            )

    def to_dict(self, values: Sequence[int], counts: Sequence[int]) -> dict[str, Any]:
        """Return the field `sampled` of `lengths.json`, for whoever reads that file.

        `share_margin` is the half width of the 95 % interval of a share of the samples, that of a
        half, which is the widest. Shares of the positions may be known less well: there each
        sample counts by its length.

        Args:
            values: The lengths, each once.
            counts: Samples of each.

        Returns:
            What is known of it; the error and the interval of the mean are None where no two
            samples tell it.
        """
        mean, error = mean_and_error(values, counts, self)
        # A share of a half has the widest interval.
        margin = NORMAL_95 * math.sqrt(0.25 / sum(counts) * self.unseen(sum(counts)))
        interval = interval_of(mean, error)
        return {
            "drawn_from": self.drawn_from,
            **({} if self.drawn is None else {"drawn": self.drawn}),
            "seed": self.seed,
            "mean": mean,
            "standard_error": error,
            "mean_interval": interval and list(interval),
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
        drawn = fields.get("drawn")
        if type(drawn) not in (int, type(None)):
            raise DataError(f"`drawn` of `sampled` must be an integer, got {drawn!r:.80}")
        return cls(fields["drawn_from"], fields["seed"], drawn)


def mean_and_error(
    values: Sequence[int], counts: Sequence[int], sampled: Sampled | None
) -> tuple[float, float | None]:
    """Return the mean length and its standard error.

    Of u usable samples with standard deviation s, among n that were drawn without replacement out
    of N, the standard error is `s / sqrt(u) * sqrt(1 - n / N)` (Cochran, Sampling Techniques, 1977,
    sections 2.6 and 2.12). It is 0 where nothing is unseen, and None where one sample does not tell
    it.
    """
    count = sum(counts)
    mean = sum(map(math.prod, zip(values, counts, strict=True))) / count
    unseen = sampled.unseen(count) if sampled else 0.0
    if not unseen:
        return mean, 0.0
    if count < 2:
        return mean, None
    squares = sum(n * (value - mean) ** 2 for value, n in zip(values, counts, strict=True))
    return mean, math.sqrt(squares / (count - 1) / count * unseen)


def interval_of(mean: float, error: float | None) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean with a standard error; None where that is unknown."""
    return None if error is None else (mean - NORMAL_95 * error, mean + NORMAL_95 * error)


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
        self.sampled = Sampled(count, self.seed, self.most)
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
