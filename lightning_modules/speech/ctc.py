"""Fine-tuning of HuBERT and L-HuBERT by CTC, the same for both.

Source: HuBERT, Hsu et al. 2021; hyper-parameters of fairseq's base_10h.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lightning_modules.checkpoints.vocabulary import read_vocabulary
from lightning_modules.counted import counted
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.building import (
    build_speech_model,
    has_random_head,
)
from lightning_modules.speech.ctc_decoding import BLANK
from lightning_modules.speech.transcriber import Transcriber
from lightning_modules.speech.utterance_module import (
    masked_frames,
    validate_channel_span,
    validate_masking,
)
from lightning_modules.speech.whole_recordings import last_states
from lightning_modules.training.schedules import build_adamw, stepwise, tri_stage

# How fine-tuning differs from transformers' defaults. Spans of time are the data's: any share above
# zero gives the model a vector to write over them.
CTC_FIELDS = {
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.1,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "layerdrop": 0.1,
    "apply_spec_augment": True,
    "mask_time_prob": 0.75,
    "mask_time_length": 10,
    "mask_feature_prob": 0.5,
    "ctc_zero_infinity": True,
    "ctc_loss_reduction": "sum",
    "pad_token_id": 0,
}
# The published span of channels masks 64 of 768.
SPAN_CHANNELS = 64
WIDTH_OVER_SPAN = 12


class CtcModule(Transcriber):
    """Learns to spell: a letter per frame.

    The loss of a step is summed over utterances and divided by their number in all processes and
    all accumulated batches.
    """

    def __init__(  # noqa: PLR0913 - LightningCLI reads the settings from this signature
        self,
        lr: float = 2e-5,
        betas: tuple[float, float] = (0.9, 0.98),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        num_warmup_steps: int = 8_000,
        num_hold_steps: int = 0,
        num_decay_steps: int = 72_000,
        freeze_encoder_steps: int = 10_000,
        freeze_feature_encoder: bool = True,
        **settings: Any,
    ) -> None:
        """Build the model.

        Args:
            lr: Highest learning rate of AdamW.
            betas: Of AdamW.
            eps: Of AdamW.
            weight_decay: Of AdamW, on all parameters.
            num_warmup_steps: Steps of linear warm-up.
            num_hold_steps: Steps at the highest rate.
            num_decay_steps: Steps of exponential decay, to a twentieth.
            freeze_encoder_steps: Steps in which only the head learns.
            freeze_feature_encoder: Whether the convolutions never learn.
            settings: Those of Transcriber.

        Raises:
            ModelError: A setting is wrong.
        """
        super().__init__(**settings)
        checkpoint = self.settings.checkpoint
        fields = CTC_FIELDS | {"vocab_size": len(self.alphabet)}
        self.model = build_speech_model("ctc", self.settings, **fields)
        validate_masking(self.model.config)
        self.head_is_random = has_random_head(self.model, checkpoint)
        self._check_letters(read_vocabulary(checkpoint))
        _choose_channel_span(self.model.config, self.settings.model_fields)
        if freeze_feature_encoder:
            self.model.freeze_feature_encoder()

    def usual_alphabet(self) -> Sequence[str]:
        """Return the checkpoint's alphabet, or the letters of English where it has none."""
        return read_vocabulary(self.settings.checkpoint) or super().usual_alphabet()

    def trained_head(self) -> str:
        """Say what makes a checkpoint one that can transcribe."""
        return f"fine-tuned on {counted(len(self.alphabet), 'letter')}"

    def _check_letters(self, saved: list[str] | None) -> None:
        if saved is None or self.head_is_random:
            return
        if "" in saved[BLANK + 1 :]:
            raise ModelError(
                f"`checkpoint` must have the blank as its output {BLANK}, got it as output "
                f"{saved.index('', BLANK + 1)}: its frames would be read as other letters"
            )
        if saved != self.alphabet:
            raise ModelError(
                f"`alphabet` must be {''.join(saved)} as `checkpoint` was trained on, got "
                f"{''.join(self.alphabet)}"
            )

    def backbone(self) -> Any:
        """Return the HuBERT under the head."""
        return self.model.hubert

    def frame_logits(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the logits of a batch, (batch, frames, symbols).

        Args:
            batch: Its `mask_time_indices` are masked, and no others.
        """
        is_frozen = self.training and self.global_step < self.hparams["freeze_encoder_steps"]
        # Dropout, LayerDrop and masks stay, so that the head learns on what it will see.
        with torch.no_grad() if is_frozen else nullcontext():
            hidden = self.model.hubert(
                batch["input_values"],
                attention_mask=batch.get("attention_mask"),
                mask_time_indices=masked_frames(self.model, batch),
            ).last_hidden_state
        logits: Tensor = self.model.lm_head(self.model.dropout(hidden))
        return logits

    def recording_logits(self, waveform: Tensor) -> Tensor:
        """Return the logits of one recording (samples,), (frames, symbols)."""
        logits: Tensor = self.model.lm_head(last_states(self.model.hubert, waveform))
        return logits

    def configure_optimizers(self) -> Any:
        """Build AdamW with a rate of three stages, stepped at every optimiser step."""
        names = ("num_warmup_steps", "num_hold_steps", "num_decay_steps")
        stages = {name: self.hparams[name] for name in names}
        return stepwise(build_adamw(self), partial(tri_stage, **stages))


def _choose_channel_span(config: Any, given: dict[str, Any]) -> None:
    """Choose the span of channels by the width of the model, unless it was given.

    Raises:
        ModelError: It is none, or wider than the model.
    """
    if "mask_feature_length" not in given:
        chosen = max(1, config.hidden_size // WIDTH_OVER_SPAN)
        config.mask_feature_length = min(SPAN_CHANNELS, chosen)
    validate_channel_span(config)
