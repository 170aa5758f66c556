"""Swin: attention inside shifted windows of a feature map."""

from collections.abc import Iterator
from typing import Any, ClassVar

from torch import Tensor
from transformers import SwinConfig, SwinForImageClassification
from transformers.models.swin import modeling_swin
from transformers.models.swin.modeling_swin import SwinLayer

from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.models.components import Part
from lightning_modules.models.rounding import round_up
from lightning_modules.models.settings import dropout_fields
from lightning_modules.models.vision.base import SIDE_MULTIPLE, VisionModule

# As published, at every size: about nine tenths of ViT's multiplications at 224 pixels, and every
# second layer shifted.
SWIN_SIZES: dict[str, dict[str, Any]] = {
    "base": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]},
    "small": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]},
    "wide": {"embed_dim": 128, "depths": [2, 2, 2, 2], "num_heads": [4, 8, 16, 32]},
    "tiny": {"embed_dim": 32, "depths": [2, 2, 2, 2], "num_heads": [1, 2, 4, 8]},
}


class SwinModule(VisionModule):
    """Swin; smaller images are padded until its last feature map holds one whole window."""

    variant = "swin"
    model_class: ClassVar[Any] = SwinForImageClassification
    config_class: ClassVar[Any] = SwinConfig
    layer_class: ClassVar[Any] = SwinLayer
    library: ClassVar[Any] = modeling_swin
    # What a layer does of its own for the sake of its windows.
    windowing: ClassVar[tuple[str, ...]] = ("maybe_pad", "cyclic_shift", "get_attn_mask")
    published_window: ClassVar[int] = 7
    # The encoder whose layers were listed, and the list.
    _listed: tuple[Any, list[tuple[int, int, Any]]] = (None, [])

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
        side = self._map_side(pixel_values.shape[-2])
        for stage, index, layer in self._layers():
            layer.window_size = self._window(stage)
            layer.shift_size = self._shift(stage, index, side)
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
        return int(round_up(self._map_side(length), self._window(0)) ** 2)

    def attention_cores(self, length: int) -> list[AttentionCore]:
        """Tell of every layer what attends to what: its feature map halves from stage to stage."""
        config, side = self.model.config, self._map_side(length)
        return [
            AttentionCore((side // 2**stage) ** 2, config.embed_dim * 2**stage, None)
            for stage, depth in enumerate(config.depths)
            for _ in range(depth)
        ]

    def parts(self) -> list[Part]:
        """Tell what its parts do; cutting a map into shifted windows belongs to the attention."""
        own = [(layer, name) for *_, layer in self._layers() for name in self.windowing]
        shared = [(self.library, name) for name in ("window_partition", "window_reverse")]
        return [*super().parts(), *(Part("attention_core", *place) for place in own + shared)]

    def _padded_side(self, side: int) -> int:
        # On a feature map smaller than a window Swin fails, and never recovers (its bias table has
        # the size of the window). So many tokens of 32 pixels are the smallest it takes.
        least = SIDE_MULTIPLE * self.published_window
        if hasattr(self, "model"):  # the side is asked for while building, too
            config = self.model.config
            sides = [self._window(stage) * 2**stage for stage in range(len(config.depths))]
            least = round_up(config.patch_size * max(sides), SIDE_MULTIPLE)
        return max(round_up(side, SIDE_MULTIPLE), least)

    def _map_side(self, side: int) -> int:
        """Convert pixels to patches per side of the first feature map, not yet padded."""
        return int(self._padded_side(side) // self.model.config.patch_size)

    def _build_model(self) -> Any:
        fields = dropout_fields(
            self.settings.dropout,
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "drop_path_rate",
        )
        fields |= {"num_labels": self.num_classes}
        if self.settings.checkpoint is not None:
            return self._load(self.model_class, fields | self._checkpoint_fields())
        config = self.config_class(
            image_size=self.image_size,
            window_size=self.published_window,
            **self.sizes()[self.settings.size],
            **fields,
        )
        return self.model_class(config)

    def _prepare_model(self) -> None:
        super()._prepare_model()
        self._layers()  # else a compiler of models would find a change in the second step

    def _checkpoint_fields(self) -> dict[str, Any]:
        """Fields of a checkpoint's configuration that the size of the image decides."""
        return {}

    def _why_inactive(self, length: int) -> str | None:
        return self._why_other_windows(length) or super()._why_inactive(length)

    def _why_other_windows(self, length: int) -> str | None:
        """Say which layer has a window or a shift that an image of this side must not have."""
        side = self._map_side(length)
        for stage, index, layer in self._layers():
            window = self._window(stage)
            shifts = {self._shift(stage, index, side)}
            # A layer whose map is one window drops its shift; that is Swin, not a fault.
            shifts |= {0} if side // 2**stage <= window else set()
            if layer.window_size != window or layer.shift_size not in shifts:
                return (
                    f"after an image of another size, stage {stage} has window and shift "
                    f"{(layer.window_size, layer.shift_size)} instead of {(window, max(shifts))}"
                )
        return None

    def _window(self, stage: int) -> int:
        """Return the patches per side of a window."""
        window: int = self.model.config.window_size
        return window

    def _shift(self, stage: int, index: int, side: int) -> int:
        """Return by how many patches a layer shifts its windows: every second one does.

        Args:
            stage: Of the layer.
            index: Of the layer in its stage.
            side: Of the first feature map, in patches.
        """
        return self._window(stage) // 2 if index % 2 else 0

    def _layers(self) -> list[tuple[int, int, Any]]:
        """List the stage of every layer, its place in it, and the layer.

        An encoder is walked through once: every forward pass asks, and is measured.
        """
        encoder = self.model.base_model.encoder
        if self._listed[0] is not encoder:
            self._listed = (encoder, list(self._layers_of(encoder)))
        return self._listed[1]

    def _layers_of(self, encoder: Any) -> Iterator[tuple[int, int, Any]]:
        for stage, blocks in enumerate(encoder.layers):
            layers = [each for each in blocks.modules() if isinstance(each, self.layer_class)]
            for index, layer in enumerate(layers):
                yield stage, index, layer
