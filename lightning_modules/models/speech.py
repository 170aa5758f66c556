"""What the speech variants share: HuBERT with a linear head, trained by masked prediction."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import HubertConfig, HubertModel

from lightning_modules.checkpoints.pretrained import load_pretrained
from lightning_modules.lhubert.features import ChunkedFeatureEncoder, validate_waveform
from lightning_modules.lhubert.modeling import MASK_VECTORS
from lightning_modules.models.base import (
    ModelSettings,
    VariantModule,
    dropout_fields,
    mean_cross_entropy,
)
from lightning_modules.sizes import CONV_WIDTHS, ENCODER_SIZES, NUM_CONV_LAYERS

# Any value above zero makes the model own a mask vector, save it and load it; this is published.
MASK_TIME_PROB = 0.05


class SpeechModule(VariantModule):
    """HuBERT with a linear head; logits are (batch, frames, num_classes)."""

    modality = "speech"

    def __init__(  # noqa: PLR0913 - LightningCLI reads the settings from this signature
        self,
        size: str = "tiny",
        implementation: str | None = None,
        attention_window: int | None = None,
        max_length: int | None = None,
        dropout: str = "none",
        checkpoint: str | None = None,
        lr: float = 1e-3,
        num_classes: int = 100,
    ) -> None:
        """Build the model.

        Args:
            size: "base" (as published), "wide", "small" or "tiny"; a checkpoint has its own.
            implementation: Attention kernel; None = the variant's default.
            attention_window: Total width in frames, even; only for lhubert.
            max_length: Longest input in frames; recorded only, convolutional positions need none.
            dropout: "none" (no dropout, LayerDrop or SpecAugment) or "published".
            checkpoint: Folder or hub name; None = random weights. The head is always random.
            lr: Learning rate of AdamW.
            num_classes: Number of clusters to predict.
        """
        super().__init__(
            ModelSettings(
                size, implementation, attention_window, max_length, dropout, checkpoint, lr
            )
        )
        self.save_hyperparameters()
        self.num_classes = num_classes
        self.model = self._build_model()
        # Of both variants, so that what is compared is their attention.
        self.model.feature_extractor.__class__ = ChunkedFeatureEncoder
        self._prepare_model()
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
            (batch, frames, num_classes)
        """
        if mask_time_indices is None and self.training and self.settings.dropout == "none":
            # Otherwise the library draws masks of its own: SpecAugment.
            frames = self.model._get_feat_extract_output_lengths(input_values.shape[1])
            mask_time_indices = input_values.new_zeros(
                (len(input_values), int(frames)), dtype=torch.bool
            )
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

    def loss(self, logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Average over the masked frames of the batch."""
        labels = torch.where(batch["mask_time_indices"], batch["labels"], -100)
        return mean_cross_entropy(logits, labels)

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """See VariantModule."""
        return (batch_size, length, self.num_classes)

    def _build_model(self) -> Any:
        settings = self.settings
        if settings.checkpoint is not None:
            return self._load(settings.checkpoint, self._config_fields())
        widths = {"conv_dim": (CONV_WIDTHS[settings.size],) * NUM_CONV_LAYERS}
        fields = self._config_fields() | widths | ENCODER_SIZES[settings.size].fields
        return self._build(fields)

    def _build(self, fields: dict[str, Any]) -> Any:
        return HubertModel(HubertConfig(**fields))

    def _load(self, checkpoint: str, fields: dict[str, Any]) -> Any:
        return load_pretrained(HubertModel, checkpoint, fields, MASK_VECTORS)

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

    def _prepare_model(self) -> None:
        """Choose the attention kernel of the model just built."""
        self.model.set_attn_implementation(self.implementation)
