"""What a longest length cuts off, and the one to take."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datamodules.geometry import SAMPLE_RATE_HZ, frames_for_samples
from datamodules.lengths import LengthDistribution
from datamodules.modality import find_modality
from profiling.distributions.estimates import Estimate, share_of_positions, share_of_samples

# Text is cut at powers of two, speech at seconds, images are shrunk to sides that models publish.
USUAL_TOKENS = (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
USUAL_SECONDS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600)
USUAL_SIDES = (32, 64, 96, 128, 224, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
MOST_CUT = 0.01


@dataclass(frozen=True)
class Cut:
    """What one longest length does to a data set.

    Args:
        max_length: The longest length, on the modality's axis.
        name: How people call it, such as `512` or `10 s`.
        samples: Share of the samples that are longer.
        positions: Share of the tokens, frames or pixels that lie beyond.
    """

    max_length: int
    name: str
    samples: Estimate
    positions: Estimate

    @property
    def is_harmless(self) -> bool:
        """Whether it cuts at most 1 % of the samples and 1 % of the positions."""
        return max(self.samples.value, self.positions.value) <= MOST_CUT

    @property
    def is_certain(self) -> bool:
        """Whether the intervals leave no doubt of `is_harmless`."""
        high = max(self.samples.high, self.positions.high)
        low = max(self.samples.low, self.positions.low)
        return high <= MOST_CUT if self.is_harmless else low > MOST_CUT

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for programs."""
        return {
            "max_length": self.max_length,
            **self.samples.to_dict("samples_cut"),
            **self.positions.to_dict("positions_cut"),
        }


def unseen_of(distribution: LengthDistribution) -> float:
    """Return the share of the source that the distribution has not seen; 0 where it is whole."""
    sampled = distribution.sampled
    return sampled.unseen(distribution.count) if sampled else 0.0


def power_of(distribution: LengthDistribution) -> int:
    """Return the power of a length that counts positions: pixels are the square of a side."""
    return 2 if distribution.modality == "vision" else 1


def usual_lengths(modality: str) -> dict[int, str]:
    """Return the longest lengths that are usual in a modality, ascending, and their names."""
    if find_modality(modality).is_audio:
        return {frames_for_samples(s * SAMPLE_RATE_HZ): f"{s:,} s" for s in USUAL_SECONDS}
    usual = USUAL_SIDES if modality == "vision" else USUAL_TOKENS
    return {length: f"{length:,}" for length in usual}


def name_length(modality: str, length: int) -> str:
    """Return how people call a length; frames are given in seconds too."""
    if name := usual_lengths(modality).get(length):
        return name
    known = find_modality(modality)
    samples = known.input_size(length)
    return f"{samples / SAMPLE_RATE_HZ:.1f} s" if known.is_audio and samples else f"{length:,}"


def cut_at(distribution: LengthDistribution, max_length: int) -> Cut:
    """Return what is cut off where samples are cut to `max_length`, or shrunk to this side."""
    power = power_of(distribution)
    values, counts = distribution.values, distribution.counts
    unseen = unseen_of(distribution)
    longer = sum(counts[bisect_left(values, max_length + 1) :])
    wholes = [value**power for value in values]
    beyond = [max(0, whole - max_length**power) for whole in wholes]
    samples = share_of_samples(longer, distribution.count, unseen)
    positions = share_of_positions(beyond, wholes, counts, unseen)
    if not longer:  # nothing beyond was drawn, which does not mean that nothing is there
        positions = samples
    name = name_length(distribution.modality, max_length)
    return Cut(max_length, name, samples, positions)


def usual_cuts(distribution: LengthDistribution) -> list[Cut]:
    """Return the cuts at usual lengths, from the last that all samples exceed to one none does."""
    lengths = list(usual_lengths(distribution.modality))
    shortest, longest = distribution.values[0], distribution.values[-1]
    first = max(0, bisect_left(lengths, shortest) - 1)
    return [
        cut_at(distribution, each) for each in lengths[first : bisect_left(lengths, longest) + 1]
    ]


def recommend(distribution: LengthDistribution, cuts: Sequence[Cut]) -> Cut:
    """Return the smallest cut that is harmless; where none is, the one at the longest sample."""
    for cut in cuts:
        if cut.is_harmless:
            return cut
    modality = find_modality(distribution.modality)
    return cut_at(distribution, modality.round_length(distribution.values[-1]))
