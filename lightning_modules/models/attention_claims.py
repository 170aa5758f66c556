"""What a variant claims about its attention, and whether the claim is true."""

import math
from typing import Any, ClassVar

import lightning

from lightning_modules.attention.blocked import is_one_piece
from lightning_modules.attention.interface import find_implementations, find_windows
from lightning_modules.attention.pieces import covers_all
from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.variant import Variant

# Kernels that leave an input which the window covers to torch's full attention.
FULL_WHERE_COVERED = ("local_blocked", "local_compiled")


class AttentionClaims(lightning.LightningModule):
    """What attends to what at a length, and the check that the claimed kernel ran."""

    variant: ClassVar[str]
    registered: Variant
    implementation: str
    attention_window: int | None
    model: Any  # transformers' parts are found by name at run time, which types cannot follow

    def attention_cores(self, length: int) -> list[AttentionCore]:
        """Tell of every layer what attends to what, for an input of `length` on the axis."""
        config = self.model.config
        windows = find_windows(self.model) or [self.attention_window] * config.num_hidden_layers
        tokens = self.sequence_length(length)
        return [AttentionCore(tokens, config.hidden_size, window) for window in windows]

    def sequence_length(self, length: int) -> int:
        """Convert a value of the modality's axis to tokens entering the first layer."""
        return length

    def effective_length(self, length: int) -> int:
        """Convert a value of the modality's axis to tokens the first layer computes on."""
        return self.sequence_length(length)

    def runs_as_full_attention(self, length: int) -> bool:
        """Tell whether the window covers an input, which some kernels leave to full attention."""
        window = self.attention_window
        if self.implementation not in FULL_WHERE_COVERED or window is None:
            return False
        return covers_all(window // 2, self.sequence_length(length))

    def may_compute_all_pairs(self, length: int, training: bool) -> bool:
        """Tell whether a layer may rightly compute scores for all pairs of its tokens.

        Where it may not, a measurement that sees it happen is an error.

        Args:
            length: A value of the modality's axis.
            training: Whether there will be gradients.
        """
        if self.registered.is_vanilla or self.implementation == "local_masked":
            return True
        if self.implementation not in FULL_WHERE_COVERED:
            return False
        tokens, device = self.sequence_length(length), self.device.type
        halves = {window // 2 for window in find_windows(self.model) if window is not None}
        if self.implementation == "local_compiled":
            return any(covers_all(half, tokens) for half in halves)
        # Of a single sample: more of them are cut into more pieces, never into fewer.
        heads = int(self.model.config.num_attention_heads)
        return any(is_one_piece(tokens, half, device, training, heads) for half in halves)

    def most_all_pairs(self, length: int, training: bool) -> float:
        """Give how many layers may rightly compute scores for all pairs of their tokens.

        Args:
            length: A value of the modality's axis.
            training: Whether there will be gradients.
        """
        return math.inf if self.may_compute_all_pairs(length, training) else 0

    def check_active(self, length: int) -> None:
        """Raise RuntimeError unless `length` runs on the attention that the row will claim.

        It reads the state that the models change themselves (BigBird, Swin) or that decides which
        attention runs (Nystromformer), so call it before and after a measurement.
        """
        reason: str | None
        refusal = self.registered.refusal(length)
        if refusal is not None:
            reason = f"it {refusal}, got {length}"
        else:
            reason = self._why_inactive(length)
        if reason is not None:
            raise RuntimeError(
                f"`{self.variant}` with `implementation` {self.implementation!r} does not run as "
                f"measured: {reason}"
            )

    def _why_inactive(self, length: int) -> str | None:
        """Say why the claimed attention would not run or did not; None when all is well."""
        if (reason := self._why_another_kernel()) is not None:
            return reason
        if self.attention_window and set(find_windows(self.model)) != {self.attention_window}:
            return f"expected `attention_window` {self.attention_window} in every layer"
        return None

    def _why_another_kernel(self) -> str | None:
        found = find_implementations(self.model)
        if found == {self.implementation}:
            return None
        return f"its attention modules would call {sorted(found)}"
