"""Classification of whole recordings, such as keywords, by HuBERT and L-HuBERT.

Source: SUPERB's keyword spotting, Yang et al. 2021: a sum of the layers, a projection of 256, the
mean over frames.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy

from lightning_modules.checkpoints.outputs import is_classifier, read_class_names
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.building import (
    build_speech_model,
    has_random_head,
)
from lightning_modules.speech.layer_mixing import validate_summing
from lightning_modules.speech.utterance_module import (
    UtteranceModule,
    masked_frames,
    real_waveforms,
    validate_channel_span,
    validate_masking,
)
from lightning_modules.speech.whole_recordings import last_states, summed_states

# Any share above zero gives the model a vector to write over what the data mask, if anything.
CLASSIFICATION_FIELDS = {
    "layerdrop": 0.0,
    "apply_spec_augment": True,
    "mask_time_prob": 0.05,
    "mask_feature_prob": 0.0,
}


class ClassificationModule(UtteranceModule):
    """Learns one class per recording; `labels` of a batch are (batch,) int64."""

    label_kind = "classes"

    def __init__(
        self,
        classes: list[str] | None = None,
        lr: float = 1e-4,
        freeze_upstream: bool = False,
        freeze_feature_encoder: bool = True,
        **settings: Any,
    ) -> None:
        """Build the model.

        Args:
            classes: Their names; the data say them; None = the checkpoint's.
            lr: Learning rate of AdamW, constant.
            freeze_upstream: Whether only the sum of the layers and the head learn, as in SUPERB.
            freeze_feature_encoder: Whether the convolutions never learn.
            settings: Those of SpeechTraining.

        Raises:
            ModelError: A setting is wrong.
        """
        super().__init__(**settings)
        saved = read_class_names(self.settings.checkpoint)
        self.classes = list((saved if classes is None else classes) or ())
        if len(self.classes) < 2:
            said = ": data such as KeywordSpeech say them, or a `checkpoint`" * (classes is None)
            raise ModelError(f"`classes` must be at least two, got {len(self.classes)}{said}")
        named = dict(enumerate(self.classes))
        numbered = {name: number for number, name in named.items()}
        fields = CLASSIFICATION_FIELDS | {"id2label": named, "label2id": numbered}
        if not is_classifier(self.settings.checkpoint):  # those sum the layers, or do not
            fields["use_weighted_layer_sum"] = True
        self.model = build_speech_model("classification", self.settings, **fields)
        self.head_is_random = has_random_head(self.model, self.settings.checkpoint)
        self._check_classes(saved)
        if self.model.config.use_weighted_layer_sum:
            validate_summing(self.model.config)
        validate_masking(self.model.config)
        validate_channel_span(self.model.config)
        self.is_frozen = freeze_upstream
        if freeze_feature_encoder or freeze_upstream:
            self.model.freeze_feature_encoder()
        if freeze_upstream:
            self.model.freeze_base_model()
            self.model.hubert.eval()
        self.accuracy = MulticlassAccuracy(len(self.classes), average="micro")

    def _check_classes(self, saved: list[str] | None) -> None:
        """Refuse a trained head whose outputs stand for other classes than those of the data."""
        if not self.head_is_random and saved is not None and saved != self.classes:
            raise ModelError(
                f"`classes` must be {', '.join(saved)} as `checkpoint` was trained on, got "
                f"{', '.join(self.classes)}"
            )

    def trained_head(self) -> str:
        """Say what makes a checkpoint one that tells these classes apart."""
        return f"fine-tuned on {len(self.classes)} classes"

    def train(self, mode: bool = True) -> "ClassificationModule":
        """Put what learns into training mode."""
        super().train(mode)
        if self.is_frozen:
            self.model.hubert.eval()
        return self

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Compute the logits of a batch, (batch, classes), from its frames that are no padding."""
        logits: Tensor = self.model(
            batch["input_values"],
            attention_mask=batch.get("attention_mask"),
            mask_time_indices=masked_frames(self.model, batch),
        ).logits
        return logits

    def losses(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the cross entropy of every recording, (batch,), and logits (batch, classes)."""
        logits = self(batch)
        return functional.cross_entropy(logits.float(), batch["labels"], reduction="none"), logits

    def count(self, batch: dict[str, Tensor], output: Tensor) -> None:
        """Count the recordings whose class is right; `output` is the logits (batch, classes)."""
        self.accuracy.update(output.argmax(-1), batch["labels"])

    def log_counts(self, stage: str) -> None:
        """Log the accuracy over all processes."""
        self.log(f"{stage}_accuracy", self.accuracy.compute(), prog_bar=True)
        self.accuracy.reset()

    def recording_logits(self, waveform: Tensor) -> Tensor:
        """Return the logits of one recording (samples,) of any length, (classes,)."""
        backbone = self.model.hubert
        if self.model.config.use_weighted_layer_sum:
            weights = self.model.layer_weights.softmax(-1)
            features = summed_states(backbone, weights, waveform)
        else:
            features = last_states(backbone, waveform)
        logits: Tensor = self.model.classifier(self.model.projector(features).mean(0))
        return logits

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> list[str]:
        """Return the class of every recording, each as if it were alone.

        Padding would change the group norm of HuBERT's first layer.
        """
        if not batch:
            return []
        found = [self.recording_logits(waveform) for waveform in real_waveforms(batch)]
        return [self.classes[int(logits.argmax())] for logits in found]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the outputs stand for beside the weights that give them."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["classes"] = self.classes

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights that tell other classes apart.

        Raises:
            ModelError: The classes are others, or the attention is.
        """
        super().on_load_checkpoint(checkpoint)
        saved = checkpoint.get("classes", self.classes)
        if saved != self.classes:
            raise ModelError(
                f"`classes` must be {', '.join(saved)} as the checkpoint was trained on, got "
                f"{', '.join(self.classes)}"
            )

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build AdamW at a constant rate."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        return torch.optim.AdamW(parameters, lr=self.hparams["lr"])
