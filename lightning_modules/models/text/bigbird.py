"""BigBird with block-sparse attention."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import BigBirdConfig, BigBirdForMaskedLM
from transformers.models.big_bird.modeling_big_bird import BigBirdBlockSparseAttention

from lightning_modules.class_swaps import swap_class
from lightning_modules.models.components import Part
from lightning_modules.models.rounding import round_up
from lightning_modules.models.text.base import FUSED_GELU_NEW, TextModule


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
    shared_fields = {"block_size": 64, "num_random_blocks": 3}

    def effective_length(self, length: int) -> int:
        """Round `length` up to whole blocks, in tokens, and to as many as sparse attention needs.

        A shorter input would switch the model to full attention for ever.
        """
        config = self.model.config
        shortest: int = (5 + 2 * config.num_random_blocks + 1) * config.block_size
        return max(round_up(length, config.block_size), shortest)

    def parts(self) -> list[Part]:
        """Tell what its parts do; the masks of its blocks belong to the attention."""
        masks = Part("attention_core", self.model.bert, "create_masks_for_block_sparse_attn")
        return [*super().parts(), masks]

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
            swap_class(layer.attention.self, _BlockSparseInOneDtype)
            # In training at 1024, 3072 and 4096 tokens the library draws blocks for this length,
            # whatever that of the input: the published one, not that of a grown position table.
            layer.attention.self.max_seqlen = self.published_max_length

    def _config_fields(self) -> dict[str, Any]:
        return {"attention_type": "block_sparse", **self.shared_fields}

    def _random_fields(self) -> dict[str, Any]:
        return {"hidden_act": FUSED_GELU_NEW}

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
