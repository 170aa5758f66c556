"""Says of pre-training that it learns nothing but how frequent each label is."""

from collections import deque
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor

LOSS, ACCURACY = "train_prediction_loss", "train_masked_accuracy"
LOOKED_AT = 20  # steps whose mean is compared: one step of a small batch is noise
MARGIN = 0.01  # of the entropy; a run that has collapsed lies on both sides of it
FEWEST_STEPS = 100


class CollapseWarning(Callback):
    """Warns once where a model knows no more of masked frames than how frequent labels are.

    Whoever answers each frame with the frequencies of the labels has a loss of their entropy. Every
    run comes to this first, and one that has collapsed stays there. Labels are counted from the
    masked frames of this process; their entropy is logged as `train_label_entropy`, in nats.

    Args:
        after_steps: Optimiser steps after which to look; None = when the warm-up is over.
    """

    def __init__(self, after_steps: int | None = None) -> None:
        self.after_steps = after_steps
        self._counts: Tensor | None = None
        self._seen: deque[tuple[float, float]] = deque(maxlen=LOOKED_AT)
        self._last_step = 0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the labels, and look when it is time."""
        num_classes = pl_module.hparams.get("num_classes")
        if num_classes is None or not isinstance(batch, dict) or "mask_time_indices" not in batch:
            return
        if "labels" not in batch or batch["labels"].shape != batch["mask_time_indices"].shape:
            return  # letters of a transcript, which are one utterance's and no frame's
        found = count_labels(batch["labels"], batch["mask_time_indices"], num_classes)
        self._counts = found if self._counts is None else self._counts + found
        step = trainer.global_step
        if step == self._last_step:
            return  # batches are accumulated
        self._last_step = step
        pl_module.log("train_label_entropy", label_entropy(self._counts).float())
        due = self._due(pl_module)
        metrics = trainer.callback_metrics
        if due - LOOKED_AT < step <= due and LOSS in metrics:
            self._seen.append((float(metrics[LOSS]), float(metrics[ACCURACY])))
        # A run that has just gone on has counted too few labels for their entropy.
        if step == due and len(self._seen) == min(LOOKED_AT, due):
            self._judge(self._counts, step)

    def _due(self, pl_module: LightningModule) -> int:
        if self.after_steps is not None:
            return self.after_steps
        return max(FEWEST_STEPS, int(pl_module.hparams.get("num_warmup_steps", 0)))

    def _judge(self, counts: Tensor, step: int) -> None:
        entropy = float(label_entropy(counts))
        loss, accuracy = (sum(each) / len(self._seen) for each in zip(*self._seen, strict=True))
        if loss < (1 - MARGIN) * entropy:
            return
        share = float(counts.max() / counts.sum())
        rank_zero_warn(
            f"after {step} steps the model knows no more of masked frames than how frequent labels "
            f"are: its loss is {loss:.2f} and their entropy {entropy:.2f}, {accuracy:.1%} of its "
            f"answers are right and {share:.1%} of the labels are the most frequent one; "
            "docs/librispeech.md says what to look at"
        )


@torch.no_grad()
def count_labels(labels: Tensor, is_masked: Tensor, num_classes: int) -> Tensor:
    """Count how often each label is under a mask; nothing waits for the device.

    Args:
        labels: (batch, frames) int64; below zero is none.
        is_masked: (batch, frames) bool.
        num_classes: How many labels there are.

    Returns:
        (num_classes,) float32, whole numbers, exact up to 2^24 of a label.
    """
    chosen = is_masked & (labels >= 0)
    counts = torch.zeros(num_classes, device=labels.device)
    return counts.index_add_(0, labels.clamp(min=0).flatten(), chosen.flatten().float())


def label_entropy(counts: Tensor) -> Tensor:
    """Return the entropy of labels in nats, (): the loss of whoever knows only their frequencies.

    Args:
        counts: (labels,), how often each occurs.
    """
    entropy: Tensor = torch.special.entr(counts / counts.sum().clamp(min=1)).sum()
    return entropy
