"""What every variant shares: settings, steps, optimiser, and the claim that its attention ran."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import lightning
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torch import Tensor, nn

from lightning_modules.attention.blocked import is_one_piece
from lightning_modules.attention.interface import find_implementations, find_windows
from lightning_modules.checkpoints.attention_of_runs import (
    Windows,
    check_attention,
    note_attention,
    one_or_all,
)
from lightning_modules.models.attention_core import AttentionCore
from lightning_modules.models.components import Part, find_parts
from lightning_modules.models.former_paths import keep_former_path
from lightning_modules.sizes import ENCODER_SIZES
from lightning_modules.stored_window import choose_window
from lightning_modules.variants import find_variant, validate_settings
from lightning_modules.widest_float import widened

# Kernels that leave an input which the window covers to torch's full attention.
FULL_WHERE_COVERED = ("local_blocked", "local_compiled")
IGNORED_LABEL = -100  # of what is not to be predicted


@dataclass(frozen=True)
class ModelSettings:
    """The settings of a variant as they were given, which `VariantModule` documents."""

    size: str
    implementation: str | None
    attention_window: int | None
    max_length: int | None
    dropout: str
    checkpoint: str | None
    lr: float


class VariantModule(lightning.LightningModule):
    """A variant to train or to measure; batches are dicts with the names transformers uses.

    Text has `input_ids` and `labels` (batch, tokens); speech `input_values` (batch, samples) with
    `mask_time_indices` and `labels` (batch, frames); vision `pixel_values` (batch, 3, height,
    width) and `labels` (batch,). `attention_mask`, where something is padded, has the shape of the
    inputs.
    """

    modality: ClassVar[str]
    variant: ClassVar[str]
    num_classes: int
    model: Any  # transformers' parts are found by name at run time, which types cannot follow

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
        validate_settings(
            self.modality, self.variant, size, implementation, attention_window, dropout
        )
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

    def targets(self, batch: dict[str, Tensor]) -> Tensor:
        """Return what is to be predicted, int64, of the shape of the logits without the classes.

        Args:
            batch: With `labels`.

        Returns:
            The labels, -100 where nothing is to be predicted.
        """
        return batch["labels"]

    def loss(self, logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Average over what is to be predicted in one batch, ().

        Args:
            logits: What `forward` made of the batch, (..., classes).
            batch: What `targets` takes.
        """
        return mean_cross_entropy(logits, self.targets(batch))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Compute and log `train_loss`, (), of this process's share: nothing waits for others."""
        logits = self(**batch)
        loss = self.loss(logits, batch)
        self.log("train_loss", loss, batch_size=len(logits), prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log `val_loss`, over what is to be predicted in all batches of all processes."""
        self._log_evaluated("val_loss", batch)

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Log `test_loss`, over what is to be predicted in all batches of all processes."""
        self._log_evaluated("test_loss", batch)

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the logits of a batch as `forward` does; what only training needs is ignored."""
        names = ("labels", "mask_time_indices")
        logits: Tensor = self(**{k: v for k, v in batch.items() if k not in names})
        return logits

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Build an AdamW over the parameters that train, fused where Lightning allows it."""
        parameters = [p for p in self.parameters() if p.requires_grad]
        trainer = self._trainer
        # Lightning refuses to clip what a fused optimiser would itself unscale.
        clips_scaled = (
            trainer is not None
            and bool(trainer.gradient_clip_val)
            and isinstance(trainer.precision_plugin, MixedPrecision)
        )
        return torch.optim.AdamW(parameters, lr=self.settings.lr, fused=not clips_scaled)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the attention beside the weights that were trained with it."""
        note_attention(checkpoint, self.variant, self._windows_to_note())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse weights that were trained with another attention, which none of them shows.

        Raises:
            ModelError: Variant or window are others.
        """
        check_attention(checkpoint, self.variant, self._windows_to_note(), "model")

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

    def attention_cores(self, length: int) -> list[AttentionCore]:
        """Tell of every layer what attends to what, for an input of `length` on the axis."""
        config = self.model.config
        windows = find_windows(self.model) or [self.attention_window] * config.num_hidden_layers
        tokens = self.sequence_length(length)
        return [AttentionCore(tokens, config.hidden_size, window) for window in windows]

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

    def sequence_length(self, length: int) -> int:
        """Convert a value of the modality's axis to tokens entering the first layer."""
        return length

    def effective_length(self, length: int) -> int:
        """Convert a value of the modality's axis to tokens the first layer computes on."""
        return self.sequence_length(length)

    def runs_as_full_attention(self, length: int) -> bool:
        """Tell whether the window covers an input, which some kernels leave to full attention."""
        window = self.attention_window
        if self.implementation not in FULL_WHERE_COVERED or window is None:
            return False
        return window // 2 >= self.sequence_length(length) - 1

    def may_compute_all_pairs(self, length: int, training: bool) -> bool:
        """Tell whether a layer may rightly compute scores for all pairs of its tokens.

        Where it may not, a measurement that sees it happen is an error.

        Args:
            length: A value of the modality's axis.
            training: Whether there will be gradients.
        """
        if self.registered.is_vanilla or self.implementation == "local_masked":
            return True
        if self.implementation not in FULL_WHERE_COVERED:
            return False
        tokens, device = self.sequence_length(length), self.device.type
        halves = {window // 2 for window in find_windows(self.model) if window is not None}
        if self.implementation == "local_compiled":
            return any(half >= tokens - 1 for half in halves)
        # Of a single sample: more of them are cut into more pieces, never into fewer.
        heads = int(self.model.config.num_attention_heads)
        return any(is_one_piece(tokens, half, device, training, heads) for half in halves)

    def most_all_pairs(self, length: int, training: bool) -> float:
        """Give how many layers may rightly compute scores for all pairs of their tokens.

        Args:
            length: A value of the modality's axis.
            training: Whether there will be gradients.
        """
        return math.inf if self.may_compute_all_pairs(length, training) else 0

    def expected_output_shape(self, length: int, batch_size: int) -> tuple[int, ...]:
        """Give the shape of the logits for a batch at `length` on the modality's axis."""
        raise NotImplementedError

    def check_active(self, length: int) -> None:
        """Raise RuntimeError unless `length` runs on the attention that the row will claim.

        It reads the state that the models change themselves (BigBird, Swin) or that decides which
        attention runs (Nystromformer), so call it before and after a measurement.
        """
        reason: str | None
        refusal = self.registered.refusal(length)
        if refusal is not None:
            reason = f"it {refusal}, got {length}"
        else:
            reason = self._why_inactive(length)
        if reason is not None:
            raise RuntimeError(
                f"`{self.variant}` with `implementation` {self.implementation!r} does not run as "
                f"measured: {reason}"
            )

    def _why_inactive(self, length: int) -> str | None:
        """Say why the claimed attention would not run or did not; None when all is well."""
        if (reason := self._why_another_kernel()) is not None:
            return reason
        if self.attention_window and set(find_windows(self.model)) != {self.attention_window}:
            return f"expected `attention_window` {self.attention_window} in every layer"
        return None

    def _why_another_kernel(self) -> str | None:
        found = find_implementations(self.model)
        if found == {self.implementation}:
            return None
        return f"its attention modules would call {sorted(found)}"

    def _log_evaluated(self, name: str, batch: dict[str, Tensor]) -> None:
        loss = self.loss(self(**batch), batch)
        # Lightning's mean over batches and processes weighs with it. It is no integer: the mean of
        # integers over processes would be cut to one.
        weight: Any = widened((self.targets(batch) != IGNORED_LABEL).sum())
        self.log(name, loss, batch_size=weight, prog_bar=True, sync_dist=True)


def mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Average the cross entropy in float32 over labels other than -100; zero when there is none.

    Args:
        logits: (..., classes).
        labels: (...) int64.
    """
    total = nn.functional.cross_entropy(
        logits.flatten(0, -2).float(), labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum"
    )
    return total / (labels != IGNORED_LABEL).sum().clamp(min=1)


def round_up(length: int, multiple: int) -> int:
    """Give the smallest multiple of `multiple` that is at least `length`."""
    return -(-length // multiple) * multiple


def dropout_fields(dropout: str, *names: str) -> dict[str, Any]:
    """Set the named configuration fields to 0 for `dropout` "none"; leave what is published."""
    return dict.fromkeys(names, 0.0) if dropout == "none" else {}
