"""What the vision variants share: image classifiers over patches."""

from typing import Any

from torch import Tensor
from torch.nn import functional

from lightning_modules.attention.interface import choose_kernel
from lightning_modules.checkpoints.pretrained import load_pretrained
from lightning_modules.models.base import VariantModule
from lightning_modules.models.rounding import round_up
from lightning_modules.variants import validate_count

SIDE_MULTIPLE = 32
PUBLISHED_SIDE = 224


class VisionModule(VariantModule):
    """An image classifier; logits are (batch, num_classes)."""

    modality = "vision"

    def __init__(self, num_classes: int = 10, **settings: Any) -> None:
        """Build the model.

        Args:
            num_classes: Number of classes; a checkpoint with another number gets a new head.
            settings: Those of VariantModule.
        """
        super().__init__(**settings)
        validate_count("num_classes", num_classes)
        self.num_classes = num_classes
        side = self.settings.max_length
        self.image_size = self._padded_side(PUBLISHED_SIDE if side is None else side)
        self.model = self._build_model()
        self._prepare_model()

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

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """Give the shape of the logits of `batch_size` images, whatever their `length`."""
        return (batch_size, self.num_classes)

    def _padded_side(self, side: int) -> int:
        return round_up(side, SIDE_MULTIPLE)

    def _build_model(self) -> Any:
        raise NotImplementedError

    def _prepare_model(self) -> None:
        """Choose the attention kernel of the model just built."""
        choose_kernel(self.model, self.implementation)

    def _load(self, model_class: Any, fields: dict[str, Any]) -> Any:
        assert self.settings.checkpoint is not None
        return load_pretrained(model_class, self.settings.checkpoint, fields)
