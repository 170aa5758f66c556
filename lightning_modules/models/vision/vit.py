"""ViT, the vanilla vision variant."""

from typing import Any

import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from lightning_modules.models.settings import dropout_fields
from lightning_modules.models.vision.base import VisionModule

VIT_SIZES: dict[str, dict[str, Any]] = {
    "base": {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12},
    "small": {"num_hidden_layers": 12, "hidden_size": 384, "num_attention_heads": 6},
    "wide": {"num_hidden_layers": 4, "hidden_size": 768, "num_attention_heads": 12},
    "tiny": {"num_hidden_layers": 4, "hidden_size": 192, "num_attention_heads": 3},
}


class VitModule(VisionModule):
    """ViT, the vanilla variant; positions are interpolated for sides it was not made for."""

    variant = "vit"

    def sizes(self) -> dict[str, dict[str, Any]]:
        """Return the fields of ViT's configuration that make each named size."""
        return VIT_SIZES

    def sequence_length(self, length: int) -> int:
        """Count the patches of an image `length` pixels wide and high, and the class token."""
        return int((self._padded_side(length) // self.model.config.patch_size) ** 2 + 1)

    def _build_model(self) -> Any:
        fields = dropout_fields(
            self.settings.dropout, "hidden_dropout_prob", "attention_probs_dropout_prob"
        )
        fields |= {"num_labels": self.num_classes}
        if self.settings.checkpoint is not None:
            model = self._load(ViTForImageClassification, fields)
            if self.settings.max_length is not None:
                _resize_positions(model, self.image_size)
            return model
        widths = VIT_SIZES[self.settings.size]
        config = ViTConfig(
            image_size=self.image_size,
            intermediate_size=4 * widths["hidden_size"],
            **widths,
            **fields,
        )
        return ViTForImageClassification(config)


def _resize_positions(model: Any, side: int) -> None:
    """Interpolate ViT's position table once, for `side` pixels, instead of in every forward."""
    embeddings = model.vit.embeddings
    num_tokens = (side // model.config.patch_size) ** 2 + 1
    if num_tokens == embeddings.position_embeddings.shape[1]:
        return
    with torch.no_grad():
        tokens = torch.empty(1, num_tokens, model.config.hidden_size)
        table = embeddings.interpolate_pos_encoding(tokens, side, side)
    embeddings.position_embeddings = nn.Parameter(table.clone())
    model.config.image_size = side
