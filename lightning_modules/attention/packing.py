"""The real tokens of a padded batch in one row, and back."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor


@dataclass(frozen=True)
class Packing:
    """Where the real tokens of a padded batch stand.

    Args:
        batch: Samples.
        tokens: Of each sample, padding included.
        places: (real,) int64, of the real tokens among all batch * tokens.
        lengths: (batch,) int64, real tokens of each sample.
    """

    batch: int
    tokens: int
    places: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, padding_mask: Tensor) -> Self:
        """Find the real tokens.

        Args:
            padding_mask: (batch, tokens) bool, True = real token.
        """
        places = padding_mask.flatten().nonzero()[:, 0]
        batch, tokens = padding_mask.shape
        return cls(batch, tokens, places, padding_mask.sum(1))

    def pack(self, padded: Tensor) -> Tensor:
        """Take the real tokens, (real, ...), out of (batch, tokens, ...)."""
        return padded.flatten(0, 1).index_select(0, self.places)

    def unpack(self, packed: Tensor) -> Tensor:
        """Put (real, ...) back to where it was in (batch, tokens, ...); padding is zero."""
        rows = packed.new_zeros(self.batch * self.tokens, *packed.shape[1:])
        rows = rows.index_copy(0, self.places, packed)
        return rows.view(self.batch, self.tokens, *packed.shape[1:])
