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
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from transformers.integrations.fsdp import is_fsdp_managed_module
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.bert.modeling_bert import BertEncoder
from transformers.models.hubert.modeling_hubert import (
    HubertEncoder,
    HubertEncoderStableLayerNorm,
)

from lightning_modules.attention.asked_weights import (
    refuse_asked_weights,
    refuse_configured_weights,
)
from lightning_modules.attention.interface import choose_kernel, padding_mask
from lightning_modules.attention.packing import Packing
from lightning_modules.class_swaps import swap_class
from lightning_modules.errors import ModelError

NAME = "unpadded"


def unpad(model: Any) -> Any:
    """Let a BERT or a HuBERT compute on the real tokens of a padded batch alone, in place.

    All layers see the real tokens of all samples in one row; only attention goes sample by sample.
    HuBERT's front end and its positions come before the layers and stay padded. Outputs at real
    tokens are those of `sdpa`; at padding they are zero where the layers end. Hidden states of
    single layers stay packed. Without an `attention_mask` it computes what `sdpa` computes. A model
    that is given another kernel afterwards, or a window, computes as if it never was unpadded; it
    can be unpadded again.

    Args:
        model: Any model of transformers with such an encoder, no decoder.

    Returns:
        The model.

    Raises:
        ModelError: It has no such encoder, is local, its configuration asks for weights of
            attention, or transformers lets no kernel be chosen for its class. It is left as it was.
    """
    encoders = [part for part in model.modules() if type(part) in CAN_PACK]
    if not encoders or getattr(model.config, "is_decoder", False):
        raise ModelError(
            f"`{NAME}` needs a BERT or a HuBERT that is an encoder, got {type(model).__name__}"
        )
    refuse_configured_weights(model)
    choose_kernel(model, NAME)
    for encoder in encoders:
        if type(encoder) in UNPADDED:
            swap_class(encoder, UNPADDED[type(encoder)])
    return model


def _packs(encoder: Any) -> bool:
    """Tell whether its kernel keeps samples in one row apart: others let them see each other."""
    return bool(encoder.config._attn_implementation == NAME)


class UnpaddedBertEncoder(BertEncoder):
    """BERT's layers on packed tokens."""

    def forward(  # type: ignore[override]
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **more: Any
    ) -> Any:
        """Pack, run the layers, and unpack.

        Args:
            hidden_states: (batch, tokens, width).
            attention_mask: (batch, tokens) bool, True = real token; None = all are real. Of another
                kernel, what the library makes for it.
            more: What the layers of the library take.

        Returns:
            The library's output; `last_hidden_state` is (batch, tokens, width), zero at padding.
        """
        run: Any = super().forward
        if attention_mask is None or not _packs(self):
            return run(hidden_states, attention_mask, **more)
        packing = _packing_of(attention_mask)
        lengths = packing.lengths.tolist()
        packed = packing.pack(hidden_states)[None]
        output = run(packed, None, packed_lengths=lengths, **more)
        output.last_hidden_state = _unpacked(packing, output.last_hidden_state, attention_mask)
        return output


class _OnPackedFrames:
    """What both of HuBERT's encoders do on packed frames."""

    config: Any
    dropout: Any
    layer_norm: Any
    layers: Any
    pos_conv_embed: Any
    training: bool

    def forward(
        self, hidden_states: Tensor, attention_mask: Tensor | None = None, **more: Any
    ) -> Any:
        """Add positions, pack, run the layers, and unpack.

        Args:
            hidden_states: (batch, frames, width).
            attention_mask: (batch, frames) bool, True = real frame; None = all are real.
            more: What the layers of the library take.

        Returns:
            The library's output; `last_hidden_state` is (batch, frames, width), zero at padding.
        """
        if attention_mask is None or not _packs(self):
            return super().forward(hidden_states, attention_mask, **more)  # type: ignore[misc]
        hidden_states = hidden_states.masked_fill(~attention_mask[..., None], 0.0)
        hidden_states = hidden_states + self.pos_conv_embed(hidden_states)
        packing = _packing_of(attention_mask)
        lengths = packing.lengths.tolist()
        packed = self.dropout(self._normed(packing.pack(hidden_states), after=False))[None]
        # Where processes hold parts of every layer, all must call it, or the others wait for ever.
        encoder: Any = self
        calls_all = is_deepspeed_zero3_enabled() or is_fsdp_managed_module(encoder)
        for layer in self.layers:
            is_left_out = self.training and bool(torch.rand([]) < self.config.layerdrop)
            if calls_all or not is_left_out:
                packed = layer(packed, attention_mask=None, packed_lengths=lengths, **more)
        packed = self._normed(packed, after=True)
        return BaseModelOutput(last_hidden_state=_unpacked(packing, packed, attention_mask))

    def _normed(self, packed: Tensor, after: bool) -> Tensor:
        """Normalise where this encoder has its norm: before the layers or `after` them."""
        is_after = self.config.do_stable_layer_norm
        normed: Tensor = self.layer_norm(packed) if after == is_after else packed
        return normed


class UnpaddedHubertEncoder(_OnPackedFrames, HubertEncoder):
    """HuBERT's layers on packed frames."""


class UnpaddedStableHubertEncoder(_OnPackedFrames, HubertEncoderStableLayerNorm):
    """The same for a HuBERT that is normalised after its layers."""


UNPADDED: dict[type, type] = {
    BertEncoder: UnpaddedBertEncoder,
    HubertEncoder: UnpaddedHubertEncoder,
    HubertEncoderStableLayerNorm: UnpaddedStableHubertEncoder,
}
CAN_PACK = {*UNPADDED, *UNPADDED.values()}


def _packing_of(mask: Tensor) -> Packing:
    """Find the real tokens; all tokens where none is real: the library's layers need some."""
    packing = Packing.of(mask)
    return packing if len(packing.places) else Packing.of(torch.ones_like(mask))


def _unpacked(packing: Packing, packed: Tensor, mask: Tensor) -> Tensor:
    """Put (1, real, width) back; zero where nothing is real, but with gradients that are zero."""
    padded = packing.unpack(packed[0])
    is_all = len(packing.places) == mask.numel()
    return padded.masked_fill(~mask[..., None], 0.0) if is_all else padded


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
    output_attentions: bool | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Answer transformers' attention call: fused attention, for packed tokens sample by sample."""
    refuse_asked_weights(module, output_attentions, f"`{NAME}`")
    if attention_mask is not None:
        raise ModelError(f"`{NAME}` needs `unpad(model)` first, got {type(module).__name__}")
    lengths = [query.shape[2]] if packed_lengths is None else list(packed_lengths)
    outputs = [
        functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
        for q, k, v in zip(*(x.split(lengths, 2) for x in (query, key, value)), strict=True)
        if q.shape[2]
    ]
    return torch.cat(outputs, 2).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, _forward)
AttentionMaskInterface.register(NAME, padding_mask)
