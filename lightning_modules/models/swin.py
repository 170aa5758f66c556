"""Swin: attention inside shifted windows of a feature map."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from transformers import SwinConfig, SwinForImageClassification
from transformers.models.swin import modeling_swin
from transformers.models.swin.modeling_swin import SwinLayer

from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.models.base import dropout_fields, round_up
from lightning_modules.models.components import Part
from lightning_modules.models.vision import SIDE_MULTIPLE, VisionModule

# As published, at every size: about nine tenths of ViT's multiplications at 224 pixels, and every
# second layer shifted.
SWIN_SIZES: dict[str, dict[str, Any]] = {
    "base": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]},
    "small": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
    "wide": {"embed_dim": 128, "depths": [2, 2, 2, 2], "num_heads": [4, 8, 16, 32]},
    "tiny": {"embed_dim": 32, "depths": [2, 2, 2, 2], "num_heads": [1, 2, 4, 8]},
}

# What a layer does of its own for the sake of its windows.
WINDOWING = ("maybe_pad", "cyclic_shift", "get_attn_mask")


class SwinModule(VisionModule):
    """Swin; smaller images are padded until its last feature map holds one whole window."""

    variant = "swin"

    def forward(self, pixel_values: Tensor, **more: Any) -> Tensor:
        """Compute the logits, whatever images came before.

        A layer of the library whose feature map is one window drops its shift, and never takes it
        up again: images of changing sizes would be seen through the windows of the smallest.

        Args:
            pixel_values: (batch, 3, height, width).
            more: What else is in a batch.

        Returns:
            (batch, num_classes)
        """
        for _, layer, window_and_shift in self._layers():
            layer.window_size, layer.shift_size = window_and_shift
        return super().forward(pixel_values, **more)

    def sizes(self) -> dict[str, dict[str, Any]]:
        """Return the fields of Swin's configuration that make each named size."""
        return SWIN_SIZES

    def sequence_length(self, length: int) -> int:
        """Count the patches of an image `length` pixels wide and high."""
        side = round_up(length, SIDE_MULTIPLE)
        return int((side // self.model.config.patch_size) ** 2)

    def effective_length(self, length: int) -> int:
        """Count the patches of the first layer, which pads its feature map to whole windows."""
        side = self._padded_side(length) // self.model.config.patch_size
        return int(round_up(side, self.model.config.window_size) ** 2)

    def attention_cores(self, length: int) -> list[AttentionCore]:
        """Tell of every layer what attends to what: its feature map halves from stage to stage."""
        config = self.model.config
        side = self._padded_side(length) // config.patch_size
        return [
            AttentionCore((side // 2**stage) ** 2, config.embed_dim * 2**stage, None)
            for stage, depth in enumerate(config.depths)
            for _ in range(depth)
        ]

    def parts(self) -> list[Part]:
        """Tell what its parts do; cutting a map into shifted windows belongs to the attention."""
        layers = [module for module in self.modules() if isinstance(module, SwinLayer)]
        own = [(layer, name) for layer in layers for name in WINDOWING]
        shared = [(modeling_swin, name) for name in ("window_partition", "window_reverse")]
        return [*super().parts(), *(Part("attention_core", *place) for place in own + shared)]

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
        for stage, layer, built in self._layers():
            window, _ = built
            # A layer whose map is one window drops its shift; that is Swin, not a fault.
            expected = {built, (window, 0)} if side // 2**stage <= window else {built}
            if (layer.window_size, layer.shift_size) not in expected:
                return (
                    f"after a smaller image, stage {stage} has window and shift "
                    f"{(layer.window_size, layer.shift_size)} instead of {built}"
                )
        return super()._why_inactive(length)

    def _layers(self) -> Iterator[tuple[int, SwinLayer, tuple[int, int]]]:
        """Yield the stage of every layer, the layer, and the window and shift it was built with."""
        window = self.model.config.window_size
        for stage, blocks in enumerate(self.model.swin.encoder.layers):
            layers = [module for module in blocks.modules() if isinstance(module, SwinLayer)]
            for index, layer in enumerate(layers):
                yield stage, layer, (window, window // 2 if index % 2 else 0)
