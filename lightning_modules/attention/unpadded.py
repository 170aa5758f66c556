"""Full attention without padding: an encoder that computes on the real tokens alone.

Importing this module registers `unpadded` with `AttentionInterface` and `AttentionMaskInterface`
of transformers.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.models.bert.modeling_bert import BertEncoder

from lightning_modules.attention.interface import padding_mask
from lightning_modules.attention.packing import Packing
from lightning_modules.class_swaps import swap_class
from lightning_modules.errors import ModelError

NAME = "unpadded"


def unpad(model: Any) -> Any:
    """Let a BERT compute on the real tokens of a padded batch alone, in place; return the model.

    All layers see the real tokens of all samples in one row; only attention goes sample by sample.
    Outputs at real tokens are those of `sdpa`; at padding they are zero where the encoder ends.
    Without an `attention_mask` it computes what `sdpa` computes.

    Args:
        model: Any BERT of transformers that is no decoder.

    Raises:
        ModelError: It has no such encoder.
    """
    encoders = [part for part in model.modules() if isinstance(part, BertEncoder)]
    if not encoders or model.config.is_decoder:
        raise ModelError(f"`{NAME}` needs a BERT that is an encoder, got {type(model).__name__}")
    for encoder in encoders:
        swap_class(encoder, UnpaddedBertEncoder)
    model.set_attn_implementation(NAME)
    return model


class UnpaddedBertEncoder(BertEncoder):
    """BERT's layers on packed tokens."""

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **more: Any
    ) -> Any:
        """Pack, run the layers, and unpack.

        Args:
            hidden_states: (batch, tokens, width).
            attention_mask: (batch, tokens) bool, True = real token; None = all are real.
            more: What the layers of the library take.

        Returns:
            The library's output; `last_hidden_state` is (batch, tokens, width), zero at padding.
        """
        if attention_mask is None:
            return super().forward(hidden_states, None, **more)
        packing = Packing.of(attention_mask)
        lengths = packing.lengths.tolist()
        packed = packing.pack(hidden_states)[None]
        output = super().forward(packed, None, packed_lengths=lengths, **more)
        output.last_hidden_state = packing.unpack(output.last_hidden_state[0])
        return output


def _forward(  # noqa: PLR0913 - the signature that transformers calls
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    packed_lengths: Sequence[int] | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Answer transformers' attention call: fused attention, for packed tokens sample by sample."""
    if attention_mask is not None:
        raise ModelError(f"`{NAME}` needs `unpad(model)` first, got {type(module).__name__}")
    lengths = [query.shape[2]] if packed_lengths is None else list(packed_lengths)
    outputs = [
        functional.scaled_dot_product_attention(*sample, dropout_p=dropout, scale=scaling)
        for sample in zip(*(x.split(lengths, 2) for x in (query, key, value)), strict=True)
        if sample[0].shape[2]
    ]
    output = torch.cat(outputs, 2) if outputs else query
    return output.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, _forward)
AttentionMaskInterface.register(NAME, padding_mask)
