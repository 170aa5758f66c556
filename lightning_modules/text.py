"""Text variants: masked language models that differ in their self-attention."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BigBirdConfig,
    BigBirdForMaskedLM,
    LongformerConfig,
    LongformerForMaskedLM,
    NystromformerConfig,
    NystromformerForMaskedLM,
)
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention
from transformers.models.nystromformer.modeling_nystromformer import NystromformerSelfAttention

from lightning_modules.attention.interface import localize
from lightning_modules.base import round_up
from lightning_modules.masked_lm import TextModule

# The same function as `gelu_new`, which two of these models are published with and the library
# computes in seven steps: they would decide what is meant to be a comparison of attentions.
FUSED_GELU_NEW = "gelu_pytorch_tanh"


class BertModule(TextModule):
    """BERT, the vanilla variant."""

    variant = "bert"
    model_class = BertForMaskedLM
    config_class = BertConfig


class LocalBertModule(TextModule):
    """BERT with local attention in every layer."""

    variant = "local_bert"
    model_class = BertForMaskedLM
    config_class = BertConfig

    def _prepare_model(self) -> None:
        assert self.attention_window is not None
        localize(self.model, self.attention_window, self.implementation)


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
        """See VariantModule."""
        assert self.attention_window is not None
        return round_up(length, self.attention_window)

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


class NystromformerModule(TextModule):
    """Nystromformer told the length of every input, padded to a multiple of its landmarks."""

    variant = "nystromformer"
    model_class = NystromformerForMaskedLM
    config_class = NystromformerConfig
    published_max_length = 510
    position_table = "nystromformer.embeddings.position_embeddings.weight"

    def effective_length(self, length: int) -> int:
        """See VariantModule; with no more tokens than landmarks it would be full attention."""
        landmarks: int = self.model.config.num_landmarks
        return max(round_up(length, landmarks), 2 * landmarks)

    def _logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        tokens = input_ids.shape[1]
        padded = self.effective_length(tokens)
        for attention in self._self_attentions():
            attention.seq_len = padded
        mask = None
        if padded > tokens or attention_mask is not None:
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
            attention.__class__ = _InverseInFloat32

    def _self_attentions(self) -> list[NystromformerSelfAttention]:
        return [layer.attention.self for layer in self.model.nystromformer.encoder.layer]

    def _config_fields(self) -> dict[str, Any]:
        # The published landmarks; the length, also 64 by default, would make it full attention.
        return {
            "num_landmarks": 64,
            "segment_means_seq_len": max(round_up(self.max_length, 64), 128),
            "hidden_act": FUSED_GELU_NEW,
        }

    def _position_field(self, max_length: int, pad_token_id: int) -> int:
        return max(round_up(max_length, 64), 128)

    def _first_position(self, pad_token_id: int) -> int:
        return 2

    def _why_inactive(self, length: int) -> str | None:
        for attention in self._self_attentions():
            if attention.seq_len == attention.num_landmarks:
                return "with as many landmarks as tokens a layer is full attention"
        return None


class BigBirdModule(TextModule):
    """BigBird with block-sparse attention: blocks of 64 tokens, 3 random blocks.

    The library also fills a (batch, heads, tokens, tokens) tensor with its attention weights in
    every layer, asked for or not, so that its memory is quadratic all the same. In evaluation its
    random blocks are all block 0; in training they are drawn on the CPU in every forward.
    """

    variant = "bigbird"
    model_class = BigBirdForMaskedLM
    config_class = BigBirdConfig
    published_max_length = 4096
    unused_weights = ("bert.pooler.weight", "bert.pooler.bias")

    def effective_length(self, length: int) -> int:
        """See VariantModule; a shorter input would switch the model to full attention for ever."""
        config = self.model.config
        shortest: int = (5 + 2 * config.num_random_blocks + 1) * config.block_size
        return max(round_up(length, config.block_size), shortest)

    def _logits(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        tokens = input_ids.shape[1]
        padding = self.effective_length(tokens) - tokens
        if padding:
            if attention_mask is None:
                attention_mask = torch.ones_like(input_ids)
            attention_mask = functional.pad(attention_mask, (0, padding))
            input_ids = functional.pad(
                input_ids, (0, padding), value=self.model.config.pad_token_id
            )
        return super()._logits(input_ids, attention_mask)[:, :tokens]

    def _prepare_model(self) -> None:
        # The pooler feeds no output of a masked language model, and the others have none.
        self.model.bert.pooler = None
        self.model.bert.activation = None
        for layer in self.model.bert.encoder.layer:
            layer.attention.self.__class__ = _BlockSparseInOneDtype
            # In training at 1024, 3072 and 4096 tokens the library draws blocks for this length,
            # whatever that of the input: the published one, not that of a grown position table.
            layer.attention.self.max_seqlen = self.published_max_length

    def _config_fields(self) -> dict[str, Any]:
        return {
            "attention_type": "block_sparse",
            "block_size": 64,
            "num_random_blocks": 3,
            "hidden_act": FUSED_GELU_NEW,
        }

    def _position_field(self, max_length: int, pad_token_id: int) -> int:
        return max(round_up(max_length, 64), 768)

    def _why_inactive(self, length: int) -> str | None:
        layers = [layer.attention for layer in self.model.bert.encoder.layer]
        types = {self.model.bert.attention_type, *(layer.attention_type for layer in layers)}
        is_sparse = all(isinstance(layer.self, BigBirdBlockSparseAttention) for layer in layers)
        if types != {"block_sparse"} or not is_sparse:
            return f"after an input that was too short its attention is {sorted(types)}"
        return None


class _BlockSparseInOneDtype(BigBirdBlockSparseAttention):
    """The library's attention, which fails when its masks or autocast bring in a second dtype."""

    def bigbird_block_sparse_attention(
        self,
        query_layer: Tensor,
        key_layer: Tensor,
        value_layer: Tensor,
        *rest: Any,
        **named: Any,
    ) -> Any:
        rest = tuple(x.to(query_layer.dtype) if isinstance(x, Tensor) else x for x in rest)
        library: Any = super()
        chance = np.random.get_state()  # the library seeds it anew in every layer
        try:
            with torch.autocast(query_layer.device.type, enabled=False):
                return library.bigbird_block_sparse_attention(
                    query_layer, key_layer, value_layer, *rest, **named
                )
        finally:
            np.random.set_state(chance)


class _InverseInFloat32(NystromformerSelfAttention):
    """The library's attention, whose pseudo-inverse mixes float32 with the dtype of its input."""

    def iterative_inv(self, mat: Tensor, n_iter: int = 6) -> Tensor:
        library: Any = super()
        with torch.autocast(mat.device.type, enabled=False):
            inverse: Tensor = library.iterative_inv(mat.float(), n_iter)
        return inverse.to(mat.dtype)
