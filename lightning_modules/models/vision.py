"""What the vision variants share: image classifiers over patches."""

from typing import Any

from torch import Tensor
from torch.nn import functional

from lightning_modules.checkpoints.pretrained import load_pretrained
from lightning_modules.models.base import (
    ModelSettings,
    VariantModule,
    mean_cross_entropy,
    round_up,
)

SIDE_MULTIPLE = 32
PUBLISHED_SIDE = 224


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
