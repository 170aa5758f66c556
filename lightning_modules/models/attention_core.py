"""What a layer's attention would compute if it computed what it is asked for, and no more."""

from dataclasses import dataclass

from lightning_modules.attention.executed import band_pairs


@dataclass(frozen=True)
class AttentionCore:
    """The attention of one layer, without its projections.

    Args:
        tokens: Of the input, without the variant's own padding.
        width: Of all heads together.
        attention_window: In tokens; None where attention is cut in another way, or not at all.
    """

    tokens: int
    width: int
    attention_window: int | None

    @property
    def dense_flops(self) -> float:
        """Of its two products, forward, over all pairs of tokens."""
        return 4.0 * self.tokens**2 * self.width

    @property
    def exact_flops(self) -> float | None:
        """Of its two products, forward, over the pairs in the window; None without one."""
        if self.attention_window is None:
            return None
        return 4.0 * band_pairs(self.tokens, self.attention_window // 2) * self.width
