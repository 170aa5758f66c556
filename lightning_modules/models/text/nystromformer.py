"""Nystromformer: attention through landmarks."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import NystromformerConfig, NystromformerForMaskedLM
from transformers.models.nystromformer.modeling_nystromformer import NystromformerSelfAttention

from lightning_modules.class_swaps import swap_class
from lightning_modules.models.rounding import round_up
from lightning_modules.models.text.base import FUSED_GELU_NEW, TextModule


class NystromformerModule(TextModule):
    """Nystromformer told the length of every input, padded to a multiple of its landmarks."""

    variant = "nystromformer"
    model_class = NystromformerForMaskedLM
    config_class = NystromformerConfig
    published_max_length = 510
    position_table = "nystromformer.embeddings.position_embeddings.weight"
    shared_fields = {"num_landmarks": 64}

    def effective_length(self, length: int) -> int:
        """Round `length` up to a multiple of the landmarks, in tokens, and to at least two of them.

        With no more tokens than landmarks it would be full attention.
        """
        landmarks: int = self.model.config.num_landmarks
        return max(round_up(length, landmarks), 2 * landmarks)

    def _logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        tokens = input_ids.shape[1]
        padded = self.effective_length(tokens)
        for attention in self._self_attentions():
            attention.seq_len = padded
        mask = None
        # The library leaves a mask out that masks nothing, but not while it is traced.
        if padded > tokens or attention_mask is not None or torch.compiler.is_compiling():
            if attention_mask is None:
                attention_mask = torch.ones_like(input_ids)
            is_padding = functional.pad(attention_mask, (0, padded - tokens)) == 0
            # A 2-D mask becomes tokens x tokens, which does not fit the landmark scores.
            dtype = self.model.dtype
            mask = torch.zeros(is_padding.shape, dtype=dtype, device=is_padding.device)
            mask = mask.masked_fill(is_padding, torch.finfo(dtype).min)[:, None, None, :]
        pad_token_id = self.model.config.pad_token_id
        padded_ids = functional.pad(input_ids, (0, padded - tokens), value=pad_token_id)
        return super()._logits(padded_ids, mask)[:, :tokens]

    def _prepare_model(self) -> None:
        for attention in self._self_attentions():
            swap_class(attention, _InverseInFloat32)

    def _self_attentions(self) -> list[NystromformerSelfAttention]:
        return [layer.attention.self for layer in self.model.nystromformer.encoder.layer]

    def _config_fields(self) -> dict[str, Any]:
        # The length, 64 by default as the landmarks are, would make it full attention.
        longest = max(round_up(self.max_length, 64), 128)
        return {"segment_means_seq_len": longest, **self.shared_fields}

    def _random_fields(self) -> dict[str, Any]:
        return {"hidden_act": FUSED_GELU_NEW}

    def _position_field(self, max_length: int, pad_token_id: int) -> int:
        return max(round_up(max_length, 64), 128)

    def _first_position(self, pad_token_id: int) -> int:
        return 2

    def _why_inactive(self, length: int) -> str | None:
        for attention in self._self_attentions():
            if attention.seq_len == attention.num_landmarks:
                return "with as many landmarks as tokens a layer is full attention"
        return None


class _InverseInFloat32(NystromformerSelfAttention):
    """The library's attention, whose pseudo-inverse mixes float32 with the dtype of its input."""

    def iterative_inv(self, mat: Tensor, n_iter: int = 6) -> Tensor:
        library: Any = super()
        with torch.autocast(mat.device.type, enabled=False):
            inverse: Tensor = library.iterative_inv(mat.float(), n_iter)
        return inverse.to(mat.dtype)
