"""A weighted sum of the layers of a model, whose weights are learned.

Source: SUPERB, Yang et al. 2021, section 3.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.attention.unpadded import NAME as UNPADDED
from lightning_modules.errors import ModelError


class LayerMix(nn.Module):
    """Sums hidden states with weights that are positive and sum to one, equal at the start.

    Args:
        num_states: Hidden states to sum: one per layer, and the input of the first.
    """

    def __init__(self, num_states: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(num_states))

    def weights(self) -> Tensor:
        """Return the weights, (num_states,)."""
        return self.logits.softmax(0)

    def forward(self, hidden_states: Sequence[Tensor]) -> Tensor:
        """Sum the states, all of one shape.

        Raises:
            ModelError: There are more or fewer than there are weights: LayerDrop leaves some out.
        """
        if len(hidden_states) != len(self.logits):
            raise ModelError(
                f"`layerdrop` must be 0 for a sum of layers: expected {len(self.logits)} hidden "
                f"states, got {len(hidden_states)}"
            )
        total = torch.zeros_like(hidden_states[0])
        for weight, hidden in zip(self.weights(), hidden_states, strict=True):
            total = total + weight * hidden
        return total


def validate_summing(config: Any) -> None:
    """Raise ModelError where a configuration gives no sum of layers.

    LayerDrop leaves some out, and the layers of an unpadded model have the real frames of all
    recordings in one row, which no head can tell apart.
    """
    if config.layerdrop > 0:
        raise ModelError(
            f"`layerdrop` of `model_fields` must be 0 for a sum of layers, got {config.layerdrop}"
        )
    if config._attn_implementation == UNPADDED:
        raise ModelError(
            f"`implementation` must be eager or sdpa for a sum of layers of hubert, got {UNPADDED}"
        )
