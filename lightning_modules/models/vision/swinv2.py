"""Swin version 2: cosine attention inside shifted windows, with a learned bias of positions."""

from typing import Any, ClassVar

import torch
from transformers import Swinv2Config, Swinv2ForImageClassification
from transformers.models.swinv2 import modeling_swinv2
from transformers.models.swinv2.modeling_swinv2 import Swinv2Layer

from lightning_modules.models.components import Part
from lightning_modules.models.vision.swin import SwinModule


class SwinV2Module(SwinModule):
    """Swin version 2 with windows of 8, as published for 256 pixels; smaller images are padded.

    The library decides windows and shifts when it builds a model, by `config.image_size`, and keeps
    them for images of all sizes. Here each batch is seen as by a model that was built for its size;
    only a window that was built smaller than the configuration's, for a small image, stays so.

    Source: Swin Transformer V2, Liu et al. 2022, arXiv 2111.09883.
    """

    variant = "swinv2"
    model_class = Swinv2ForImageClassification
    config_class = Swinv2Config
    layer_class = Swinv2Layer
    library: ClassVar[Any] = modeling_swinv2
    windowing = ("maybe_pad", "get_attn_mask")
    published_window = 8

    def parts(self) -> list[Part]:
        """Tell what its parts do; shifting a map and the bias of its scores are the attention's."""
        biases = [layer.attention.self.continuous_position_bias_mlp for *_, layer in self._layers()]
        inside = {id(module) for bias in biases for module in bias.modules()}
        parts = [part for part in super().parts() if id(part.owner) not in inside]
        return [*parts, Part("attention_core", torch, "roll")]  # its layers roll, and nothing else

    def _prepare_model(self) -> None:
        """Leave the model with the only kernel that it has."""
        self._layers()

    def _checkpoint_fields(self) -> dict[str, Any]:
        # No weight has the size of a window or of an image.
        return {} if self.settings.max_length is None else {"image_size": self.image_size}

    def _window(self, stage: int) -> int:
        layer = self.model.base_model.encoder.layers[stage].blocks[0]
        window: int = layer.attention.self.window_size[0]
        return window

    def _shift(self, stage: int, index: int, side: int) -> int:
        """Return what the library shifts by where it builds for this size: nothing in one window.

        Args:
            stage: Of the layer.
            index: Of the layer in its stage.
            side: Of the first feature map, in patches.
        """
        window = self._window(stage)
        is_shifted = window == self.model.config.window_size and side // 2**stage > window
        return super()._shift(stage, index, side) if is_shifted else 0

    def _why_inactive(self, length: int) -> str | None:
        return self._why_other_windows(length)  # it asks nobody for a kernel
