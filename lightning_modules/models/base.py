"""What every variant shares: its settings, its size, and what its checkpoints say of it."""

from typing import Any, ClassVar

from lightning_modules.attention.interface import find_windows
from lightning_modules.checkpoints.attention_of_runs import (
    Windows,
    check_attention,
    note_attention,
    one_or_all,
)
from lightning_modules.checkpoints.pretrained import count_as_trained
from lightning_modules.models.attention_claims import AttentionClaims
from lightning_modules.models.components import Part, find_parts
from lightning_modules.models.former_paths import keep_former_path
from lightning_modules.models.settings import ModelSettings
from lightning_modules.models.training_steps import TrainingSteps
from lightning_modules.sizes import ENCODER_SIZES
from lightning_modules.stored_window import choose_window
from lightning_modules.variants import find_variant, validate_settings


class VariantModule(AttentionClaims, TrainingSteps):
    """A variant to train or to measure; batches are dicts with the names transformers uses.

    Text has `input_ids` and `labels` (batch, tokens); speech `input_values` (batch, samples) with
    `mask_time_indices` and `labels` (batch, frames); vision `pixel_values` (batch, 3, height,
    width) and `labels` (batch,). `attention_mask`, where something is padded, has the shape of the
    inputs.
    """

    modality: ClassVar[str]
    variant: ClassVar[str]
    num_classes: int

    def __init_subclass__(cls, **settings: Any) -> None:
        """Let checkpoints find the class by its former path too."""
        super().__init_subclass__(**settings)
        keep_former_path(cls.__module__)

    def __init__(
        self,
        size: str = "tiny",
        implementation: str | None = None,
        attention_window: int | None = None,
        max_length: int | None = None,
        dropout: str = "none",
        checkpoint: str | None = None,
        lr: float = 1e-3,
    ) -> None:
        """Check and keep the settings; derived classes build the model.

        Args:
            size: "base" (as published), "wide", "small" or "tiny"; a checkpoint has its own.
            implementation: Attention kernel; None = the variant's default.
            attention_window: Total width in tokens (speech: frames), even; None = the checkpoint's
                own, or the variant's default. Only for variants that have a window.
            max_length: Longest input: tokens of a text, for whose positions there is room, or
                pixels per side that positions of an image are made for; None = as published, or as
                the checkpoint has it. Speech takes any length and ignores it.
            dropout: "none" (no dropout, LayerDrop or SpecAugment) or "published".
            checkpoint: Folder or hub name; None = random weights. Speech always has a random head.
            lr: Learning rate of AdamW.

        Raises:
            ModelError: The variant does not take one of the settings.
        """
        super().__init__()
        given = (size, implementation, attention_window, dropout, max_length)
        validate_settings(self.modality, self.variant, *given)
        # Also those of the derived class that called this: Lightning looks through the calls.
        self.save_hyperparameters()
        self.settings = ModelSettings(
            size, implementation, attention_window, max_length, dropout, checkpoint, lr
        )
        self.registered = find_variant(self.modality, self.variant)
        self.implementation = implementation or self.registered.default
        self.attention_window = self._choose_window()

    @property
    def longest_input(self) -> int | None:
        """Longest input that it takes, on the modality's axis; None = any length."""
        return self.registered.maximum_length

    def setup(self, stage: str) -> None:
        """Count a head that the checkpoint had not as trained from here on, where it is to be."""
        if stage == "fit":
            count_as_trained(self.model)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the attention beside the weights that were trained with it."""
        note_attention(checkpoint, self.variant, self._windows_to_note())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights that were trained with another attention, which none of them shows.

        Raises:
            ModelError: Variant or window are others.
        """
        check_attention(checkpoint, self.variant, self._windows_to_note(), "model")
        count_as_trained(self.model)

    def _windows_to_note(self) -> Windows:
        # Not those of the layers alone: some kernels have the window in their mask.
        return self.attention_window or one_or_all(find_windows(self.model))

    def _choose_window(self) -> int | None:
        given = self.settings
        try:
            return choose_window(self.registered, given.attention_window, given.checkpoint)
        except OSError:  # loading says what is wrong with the checkpoint
            return self.registered.default_window

    def parts(self) -> list[Part]:
        """Tell what its modules do, and those of its functions that are no module's forward."""
        return [*find_parts(self), Part("head", self, "loss")]

    @property
    def size(self) -> str:
        """Name of the model's size; that of a checkpoint is found by its depth and width."""
        if self.settings.checkpoint is None:
            return self.settings.size
        names = [name for name, fields in self.sizes().items() if self._has(fields)]
        return names[0] if names else "custom"

    def sizes(self) -> dict[str, dict[str, Any]]:
        """Return the fields of a transformers configuration that make each named size."""
        return {name: size.fields for name, size in ENCODER_SIZES.items()}

    def _has(self, fields: dict[str, Any]) -> bool:
        values = {name: getattr(self.model.config, name) for name in fields}
        return fields == {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """Give the shape of the logits for a batch at `length` on the modality's axis."""
        raise NotImplementedError
