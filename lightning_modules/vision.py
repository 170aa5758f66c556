"""Vision variants: image classifiers over patches."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    SwinConfig,
    SwinForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.models.swin.modeling_swin import SwinLayer

from lightning_modules.base import (
    ModelSettings,
    VariantModule,
    dropout_fields,
    mean_cross_entropy,
    round_up,
)
from lightning_modules.checkpoints import load_pretrained

SIDE_MULTIPLE = 32
PUBLISHED_SIDE = 224
VIT_SIZES: dict[str, dict[str, Any]] = {
    "base": {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12},
    "small": {"num_hidden_layers": 12, "hidden_size": 384, "num_attention_heads": 6},
    "wide": {"num_hidden_layers": 4, "hidden_size": 768, "num_attention_heads": 12},
    "tiny": {"num_hidden_layers": 4, "hidden_size": 192, "num_attention_heads": 3},
}
# As published, at every size: about nine tenths of ViT's multiplications at 224 pixels, and every
# second layer shifted.
SWIN_SIZES: dict[str, dict[str, Any]] = {
    "base": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]},
    "small": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
    "wide": {"embed_dim": 128, "depths": [2, 2, 2, 2], "num_heads": [4, 8, 16, 32]},
    "tiny": {"embed_dim": 32, "depths": [2, 2, 2, 2], "num_heads": [1, 2, 4, 8]},
}


class VisionModule(VariantModule):
    """An image classifier; logits are (batch, num_classes)."""

    modality = "vision"

    def __init__(  # noqa: PLR0913 - LightningCLI reads the settings from this signature
        self,
        size: str = "tiny",
        implementation: str | None = None,
        attention_window: int | None = None,
        max_length: int | None = None,
        dropout: str = "none",
        checkpoint: str | None = None,
        lr: float = 1e-3,
        num_classes: int = 10,
    ) -> None:
        """Build the model.

        Args:
            size: "base" (as published), "wide", "small" or "tiny"; a checkpoint has its own.
            implementation: Attention kernel; None = the variant's default.
            attention_window: No setting of these variants; must stay None.
            max_length: Pixels per side that the position table is made for; None = 224.
            dropout: "none" or "published".
            checkpoint: Folder or hub name; None = random weights.
            lr: Learning rate of AdamW.
            num_classes: Number of classes; a checkpoint with another number gets a new head.
        """
        super().__init__(
            ModelSettings(
                size, implementation, attention_window, max_length, dropout, checkpoint, lr
            )
        )
        self.save_hyperparameters()
        self.num_classes = num_classes
        self.image_size = self._padded_side(max_length or PUBLISHED_SIDE)
        self.model = self._build_model()
        self.model.set_attn_implementation(self.implementation)

    def forward(self, pixel_values: Tensor, **_: Any) -> Tensor:
        """Compute the logits.

        Args:
            pixel_values: (batch, 3, height, width); padded with zeros to what the variant needs.

        Returns:
            (batch, num_classes)
        """
        height, width = pixel_values.shape[-2:]
        padding = (0, self._padded_side(width) - width, 0, self._padded_side(height) - height)
        logits: Tensor = self.model(
            pixel_values=functional.pad(pixel_values, padding), interpolate_pos_encoding=True
        ).logits
        return logits

    def loss(self, logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Average over the images."""
        return mean_cross_entropy(logits, batch["labels"])

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """See VariantModule."""
        return (batch_size, self.num_classes)

    def _padded_side(self, side: int) -> int:
        return round_up(side, SIDE_MULTIPLE)

    def _build_model(self) -> Any:
        raise NotImplementedError

    def _load(self, model_class: Any, fields: dict[str, Any]) -> Any:
        assert self.settings.checkpoint is not None
        return load_pretrained(model_class, self.settings.checkpoint, fields)


class VitModule(VisionModule):
    """ViT, the vanilla variant; positions are interpolated for sides it was not made for."""

    variant = "vit"

    def sizes(self) -> dict[str, dict[str, Any]]:
        """See VariantModule."""
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


class SwinModule(VisionModule):
    """Swin; smaller images are padded until its last feature map holds one whole window."""

    variant = "swin"

    def sizes(self) -> dict[str, dict[str, Any]]:
        """See VariantModule."""
        return SWIN_SIZES

    def sequence_length(self, length: int) -> int:
        """Count the patches of an image `length` pixels wide and high."""
        side = round_up(length, SIDE_MULTIPLE)
        return int((side // self.model.config.patch_size) ** 2)

    def effective_length(self, length: int) -> int:
        """See VariantModule; the first layer pads its feature map to whole windows."""
        side = self._padded_side(length) // self.model.config.patch_size
        return int(round_up(side, self.model.config.window_size) ** 2)

    def _padded_side(self, side: int) -> int:
        # On a feature map smaller than a window the library fails, and never recovers (its bias
        # table has the size of the window). So many tokens of 32 pixels are the smallest it takes.
        built = hasattr(self, "model")  # the side is asked for while building, too
        window = self.model.config.window_size if built else SwinConfig().window_size
        return max(round_up(side, SIDE_MULTIPLE), SIDE_MULTIPLE * window)

    def _build_model(self) -> Any:
        fields = dropout_fields(
            self.settings.dropout,
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "drop_path_rate",
        )
        fields |= {"num_labels": self.num_classes}
        if self.settings.checkpoint is not None:
            return self._load(SwinForImageClassification, fields)
        config = SwinConfig(
            image_size=self.image_size,
            **SWIN_SIZES[self.settings.size],
            **fields,
        )
        return SwinForImageClassification(config)

    def _why_inactive(self, length: int) -> str | None:
        side = self._padded_side(length) // self.model.config.patch_size
        window = self.model.config.window_size
        for stage, blocks in enumerate(self.model.swin.encoder.layers):
            feature_map = side // 2**stage
            layers = [module for module in blocks.modules() if isinstance(module, SwinLayer)]
            for index, layer in enumerate(layers):
                built = (window, window // 2 if index % 2 else 0)
                # A layer whose map is one window drops its shift; that is Swin, not a fault.
                expected = {built, (window, 0)} if feature_map <= window else {built}
                if (layer.window_size, layer.shift_size) not in expected:
                    return (
                        f"after a smaller image, stage {stage} has window and shift "
                        f"{(layer.window_size, layer.shift_size)} instead of {built}"
                    )
        return super()._why_inactive(length)


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
