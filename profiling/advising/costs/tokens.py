"""From lengths on a modality's axis to the tokens that a variant computes on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datamodules.geometry import PATCH_SIDE, SIDE_MULTIPLE
from profiling.analysis.statistics.intervals import Array


@dataclass(frozen=True)
class Tokens:
    """From lengths on the modality's axis to the tokens that a variant computes on.

    Args:
        padding: It pads tokens to a multiple of this; None where it does not.
        shortest: Shorter inputs are padded to this length.
        longest: Longer inputs are not taken; None where there is no such limit.
        in_pixels: Whether lengths are sides of images, so that tokens grow with their square;
            sides are rounded up as the models do it.
    """

    padding: int | None = None
    shortest: int = 1
    in_pixels: bool = False
    longest: int | None = None

    @property
    def is_flat(self) -> bool:
        """Whether all inputs that it takes are padded to one number of tokens."""
        return (
            self.longest is not None and self.padding is not None and self.padding >= self.longest
        )

    def of(self, lengths: Sequence[float] | Array) -> Array:
        """Return the tokens of each length."""
        taken = np.maximum(np.asarray(lengths, dtype=np.float64), self.shortest)
        sides = np.ceil(taken / SIDE_MULTIPLE) * SIDE_MULTIPLE
        tokens = (sides / PATCH_SIDE) ** 2 if self.in_pixels else taken
        return np.ceil(tokens / self.padding) * self.padding if self.padding else tokens
