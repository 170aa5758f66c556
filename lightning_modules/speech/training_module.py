"""What all training on speech shares: the settings that say which model is trained."""

from typing import Any, ClassVar

import lightning
from torch import nn

from lightning_modules.attention.interface import find_windows
from lightning_modules.checkpoints.attention_of_runs import (
    check_attention,
    note_attention,
    one_or_all,
)
from lightning_modules.checkpoints.pretrained import count_as_trained
from lightning_modules.errors import ModelError
from lightning_modules.lhubert.building import SpeechModelSettings

# What the data tell modules of other kinds; LightningCLI would save it as a setting of theirs.
TOLD_TO_OTHERS = ("num_classes",)


class SpeechTraining(lightning.LightningModule):
    """Trains a HuBERT or an L-HuBERT; derived classes build it with the head of their task."""

    modality = "speech"
    label_kind: ClassVar[str]  # what its data must have, to learn from: they call it the same
    not_saved: ClassVar[tuple[str, ...]] = TOLD_TO_OTHERS

    def __init__(
        self,
        variant: str = "lhubert",
        size: str = "tiny",
        attention_window: int | list[int] | None = None,
        implementation: str | None = None,
        checkpoint: str | None = None,
        model_fields: dict[str, Any] | None = None,
    ) -> None:
        """Keep the settings; `build_speech_model` checks them.

        Args:
            variant: "hubert" or "lhubert".
            size: "base" (as published), "wide", "small" or "tiny"; a checkpoint has its own.
            attention_window: Total width in frames, even, for all layers or one per layer; only
                for lhubert; None = the checkpoint's, or 100.
            implementation: Attention kernel; None = the variant's default.
            checkpoint: Folder or hub name of a HuBERT or L-HuBERT to begin from, a HuBERT also as
                L-HuBERT; None = random weights.
            model_fields: Fields of the transformers configuration to replace.
        """
        super().__init__()
        self.head_is_random = False  # where it is, `python train.py test` needs a `ckpt_path`
        # Also those of the derived class that called this: Lightning looks through the calls.
        self.save_hyperparameters(ignore=self.not_saved)
        self.settings = SpeechModelSettings(
            variant, size, attention_window, implementation, checkpoint, model_fields or {}
        )

    def trained_head(self) -> str:
        """Say what makes a checkpoint one whose head can be evaluated."""
        return f"with the trained head of {type(self).__name__}"

    def setup(self, stage: str) -> None:
        """Count the head as trained from here on, where it is to be."""
        if stage == "fit":
            self._count_as_trained()

    def on_validation_start(self) -> None:
        """Refuse a head that was never trained; Lightning has loaded `ckpt_path` by now."""
        self._refuse_random_head()

    def on_test_start(self) -> None:
        """Refuse a head that was never trained."""
        self._refuse_random_head()

    def on_predict_start(self) -> None:
        """Refuse a head that was never trained."""
        self._refuse_random_head()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the attention beside the weights that were trained with it."""
        note_attention(checkpoint, self.settings.variant, one_or_all(find_windows(self)))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights that were trained with another attention, which none of them shows.

        Others count the head as trained: it is among the weights of a run.

        Raises:
            ModelError: Variant or window are others.
        """
        check_attention(checkpoint, self.settings.variant, one_or_all(find_windows(self)))
        self._count_as_trained()

    def _count_as_trained(self) -> None:
        self.head_is_random = False
        if isinstance(model := getattr(self, "model", None), nn.Module):
            count_as_trained(model)

    def _refuse_random_head(self) -> None:
        checkpoint = self.settings.checkpoint
        if self.head_is_random and checkpoint is not None:
            raise ModelError(
                f"`checkpoint` must be a model {self.trained_head()}, or `ckpt_path` be given, got "
                f"{checkpoint!r} without such a head"
            )
