"""Lengths that a sweep chooses itself, between two ends that are given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import log, sqrt

from datamodules.modality import MODALITIES
from lightning_modules.variants import find_variant, vanilla_of
from profiling.planning.grids import PointMaker
from profiling.planning.points import Point
from profiling.planning.settings import Phase

# Kernels like multiples of 8, and nobody asks for the tipping point to the token.
STEP = 8
# Nearer than that, two lengths tell each other nothing that their noise does not hide.
SMALLEST_GAP = 1.1


@dataclass(frozen=True, eq=False)
class Range:
    """The lengths of one modality and phase from which a sweep may choose.

    New lengths halve a gap in the logarithm: whatever the noise, two sweeps of one range choose
    from the same few, so that they can be compared point by point.

    Args:
        phase: inference or training.
        maker: Of the modality's points; its shortest and longest length are the ends.
    """

    phase: Phase
    maker: PointMaker
    _made: dict[int, list[Point]] = field(default_factory=dict, init=False, repr=False)

    @property
    def modality(self) -> str:
        """The name of the modality."""
        return self.maker.modality

    @property
    def name(self) -> str:
        """Modality and phase, as "text training"."""
        return f"{self.modality} {self.phase}"

    def starts(self) -> list[Point]:
        """Return the points to begin with: of all at both ends, of one where its own range ends.

        A variant that takes no short inputs begins where it can, one that takes no long ones ends
        there, and at both its vanilla one is measured with it.
        """
        ends, names = self._ends, self._names
        found: list[Point] = []
        for length in starts_between(self.modality, ends, names):
            ending = {name for name in names if length in own_ends(self.modality, name)}
            wanted = ending | {vanilla_of(self.modality, name) for name in ending}
            points = self.at(length)
            found += [p for p in points if length in ends or p.variant in wanted]
        return found

    @cached_property
    def lengths(self) -> list[int]:
        """All that it may choose from, shortest first; real batches are stored at these alone."""
        return ladder(self.modality, starts_between(self.modality, self._ends, self._names))

    def middle(self, shorter: int, longer: int) -> int | None:
        """Return its length that is nearest to the middle of two others; None if they are near.

        Two that are neighbours to a comparison may have lengths of the range between them: where
        another variant begins, not all are measured.
        """
        middle = middle_between(self.modality, shorter, longer)
        between = [length for length in self.lengths if shorter < length < longer]
        if middle is None or not between:
            return None
        return min(between, key=lambda length: abs(log(length / middle)))

    def at(self, length: int) -> list[Point]:
        """Return the points of one length."""
        if length not in self._made:
            self._made[length] = self.maker.at(self.phase, length)
        return self._made[length]

    @property
    def _ends(self) -> tuple[int, int]:
        return self.maker.lengths[0], self.maker.lengths[-1]

    @property
    def _names(self) -> list[str]:
        return [one.name for one in self.maker.settings.variants_of(self.modality)]


def starts_between(modality: str, ends: tuple[int, int], variants: Sequence[str]) -> list[int]:
    """Return the lengths to begin with: both ends, and those of a variant's own range."""
    shortest, longest = ends
    own = {length for name in variants for length in own_ends(modality, name)}
    return sorted({shortest, longest, *(n for n in own if shortest < n < longest)})


def middle_between(modality: str, shorter: int, longer: int) -> int | None:
    """Return the length in the middle of two others, in the logarithm; None if they are near."""
    step = _step(modality)
    middle = round(sqrt(shorter * longer) / step) * step
    return middle if longer / shorter > SMALLEST_GAP and shorter < middle < longer else None


def ladder(modality: str, starts: Sequence[int]) -> list[int]:
    """Return every length that halving the gaps between `starts`, ascending, can come to."""
    found = list(starts)
    for shorter, longer in pairwise(starts):
        middle = middle_between(modality, shorter, longer)
        if middle is not None:
            found += ladder(modality, [shorter, middle, longer])
    return sorted(set(found))


def _step(modality: str) -> int:
    multiple = MODALITIES[modality].multiple
    return multiple if multiple > 1 else STEP


def own_ends(modality: str, variant: str) -> list[int]:
    """Return the first length that a variant takes on its efficient path, and the last if any."""
    registered, step = find_variant(modality, variant), _step(modality)
    first = -(-registered.minimum_length // step) * step
    last = registered.maximum_length
    return [first] if last is None else [first, last]
