"""What the speech variants share: HuBERT with a linear head, trained by masked prediction."""

from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.attention.interface import find_windows
from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model
from lightning_modules.lhubert.features import validate_waveform
from lightning_modules.models.base import VariantModule
from lightning_modules.models.settings import dropout_fields
from lightning_modules.models.training_steps import IGNORED_LABEL
from lightning_modules.variants import validate_count

# Any value above zero makes the model own a mask vector, save it and load it; this is published.
MASK_TIME_PROB = 0.05


class SpeechModule(VariantModule):
    """HuBERT with a linear head; logits are (batch, frames, num_classes)."""

    modality = "speech"
    label_kind = "clusters"

    def __init__(self, num_classes: int = 100, **settings: Any) -> None:
        """Build the model.

        Args:
            num_classes: Number of clusters, which are the classes here.
            settings: Those of VariantModule.
        """
        super().__init__(**settings)
        validate_count("num_classes", num_classes)
        self.num_classes = num_classes
        self.model = self._build_model()
        # A checkpoint may have a window per layer, which is then no single number.
        windows = set(find_windows(self.model))
        self.attention_window = windows.pop() if len(windows) == 1 else None
        self.head = nn.Linear(self.model.config.hidden_size, num_classes)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        mask_time_indices: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """Compute the logits.

        Args:
            input_values: (batch, samples) at 16 kHz.
            attention_mask: (batch, samples), nonzero = real sample; None = all are real.
            mask_time_indices: (batch, frames) bool, True = the model sees its mask vector.

        Returns:
            (batch, frames, num_classes), or of each token where those are longer than frames.
        """
        if mask_time_indices is None:
            mask_time_indices = self._mask_of_nothing(input_values)
        hidden = self.model(
            input_values=input_values,
            attention_mask=attention_mask,
            mask_time_indices=mask_time_indices,
        ).last_hidden_state
        logits: Tensor = self.head(hidden)
        return logits

    def on_predict_batch_start(
        self, batch: dict[str, Tensor], batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Refuse a waveform that would silently give nothing but NaN.

        Raises:
            ModelError: A sample is NaN or infinite, or there are too few for one frame.
        """
        validate_waveform(batch["input_values"], self.model.feature_extractor.frame_samples)

    def targets(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the labels of the masked frames.

        Args:
            batch: `mask_time_indices` (batch, frames) bool and `labels` (batch, frames) int64.

        Returns:
            (batch, frames) int64, -100 where a frame is not masked.
        """
        return torch.where(batch["mask_time_indices"], batch["labels"], IGNORED_LABEL)

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """Give the shape of the logits of `batch_size` recordings of `length` frames."""
        return (batch_size, length, self.num_classes)

    def _mask_of_nothing(self, input_values: Tensor) -> Tensor | None:
        """Return a mask that hides nothing where the library would draw one itself: SpecAugment."""
        if not self.training or self.settings.dropout != "none":
            return None
        frames = self.model._get_feat_extract_output_lengths(input_values.shape[1])
        return input_values.new_zeros((len(input_values), int(frames)), dtype=torch.bool)

    def _build_model(self) -> Any:
        given = self.settings
        chosen = SpeechModelSettings(
            self.variant, given.size, given.attention_window, self.implementation, given.checkpoint
        )
        return build_speech_model("encoder", chosen, **self._config_fields())

    def _config_fields(self) -> dict[str, Any]:
        fields = dropout_fields(
            self.settings.dropout,
            "hidden_dropout",
            "activation_dropout",
            "attention_dropout",
            "feat_proj_dropout",
            "final_dropout",
            "layerdrop",
            "mask_feature_prob",
        )
        # Without both, `mask_time_indices` is ignored or has no vector to write.
        return fields | {"mask_time_prob": MASK_TIME_PROB, "apply_spec_augment": True}
