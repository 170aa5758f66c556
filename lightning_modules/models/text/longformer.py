"""Longformer, as the library ships it and without its quadratic mask."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LongformerConfig, LongformerForMaskedLM

from lightning_modules.models.rounding import round_up
from lightning_modules.models.text.base import TextModule


class LongformerModule(TextModule):
    """Longformer with local attention only; inputs are padded to a multiple of its window.

    `library` is transformers as shipped, which builds a tokens x tokens float mask to read one row
    of it; `mask_fixed` computes the same outputs from that row alone.
    """

    variant = "longformer"
    model_class = LongformerForMaskedLM
    config_class = LongformerConfig
    published_max_length = 4096
    position_table = "longformer.embeddings.position_embeddings.weight"
    _mask_excess = 1

    def effective_length(self, length: int) -> int:
        """Round `length` up to whole windows, in tokens."""
        assert self.attention_window is not None
        return round_up(length, self.attention_window)

    def may_compute_all_pairs(self, length: int, training: bool) -> bool:
        """Tell whether the input is one chunk, whose tokens all meet."""
        assert self.attention_window is not None
        return self.effective_length(length) <= self.attention_window

    def _logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        if self.implementation == "library":
            return super()._logits(input_ids, attention_mask)
        backbone = self.model.longformer
        padding = self.effective_length(input_ids.shape[1]) - input_ids.shape[1]
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        is_padding = functional.pad(attention_mask, (0, padding)) == 0
        padded_ids = functional.pad(input_ids, (0, padding), value=self.model.config.pad_token_id)
        hidden = backbone.embeddings(input_ids=padded_ids)
        # The encoder reads negative as padding, zero as local and positive as global attention.
        mask = torch.zeros(padded_ids.shape, dtype=hidden.dtype, device=hidden.device)
        mask = mask.masked_fill(is_padding, torch.finfo(hidden.dtype).min)
        encoded = backbone.encoder(hidden, attention_mask=mask, padding_len=padding)
        logits: Tensor = self.model.lm_head(encoded.last_hidden_state)
        return logits

    def _prepare_model(self) -> None:
        # No batch asks for global attention, so these would never get a gradient, and a
        # distributed run stops at parameters that train but never do.
        for name, parameter in self.model.named_parameters():
            if "_global." in name:
                parameter.requires_grad_(False)
        self.model.longformer.encoder.register_forward_pre_hook(self._weigh_mask, with_kwargs=True)

    def _weigh_mask(self, encoder: Any, args: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Remember how often the mask fits into its memory: it may be one row of a square."""
        mask = named["attention_mask"]
        self._mask_excess = mask.untyped_storage().nbytes() // (mask.element_size() * mask.numel())

    def _config_fields(self) -> dict[str, Any]:
        assert self.attention_window is not None
        return {"attention_window": self.attention_window}

    def _position_field(self, max_length: int, pad_token_id: int) -> int:
        # Real tokens count from pad_token_id + 1; all padding shares the row pad_token_id.
        return max_length + pad_token_id + 1

    def _first_position(self, pad_token_id: int) -> int:
        return pad_token_id + 1

    def _why_inactive(self, length: int) -> str | None:
        layers = self.model.longformer.encoder.layer
        windows = {2 * layer.attention.self.one_sided_attn_window_size for layer in layers}
        if windows != {self.attention_window}:
            return f"expected `attention_window` {self.attention_window}, its layers have {windows}"
        if self.implementation == "mask_fixed" and self._mask_excess > 1:
            return f"its mask took {self._mask_excess} times the memory of one value per token"
        return None
