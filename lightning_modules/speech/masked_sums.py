"""What a batch of masked prediction adds to the sums of a step, and what the sums say."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lightning_modules.lhubert.pretraining import PENALTY_WEIGHT
from lightning_modules.widest_float import widened

COUNTS = (
    *("loss", "prediction_loss", "masked", "masked_right", "unmasked", "unmasked_right"),
    *("real", "samples", "codes"),
)


def summed_loss(output: Any, penalty_weight: float = PENALTY_WEIGHT) -> Tensor:
    """Sum the loss over masked frames so that it does not depend on which utterances share a batch.

    The published form has the mean penalty of the batch times its masked frames. By utterance that
    is the same where all have as many masked frames, as fairseq's and torchaudio's masks do.

    Args:
        output: A PreTrainingOutput.
        penalty_weight: Of the mean square of the features.

    Returns:
        (), the sum.
    """
    penalties: Tensor = output.penalties * output.num_masked_each
    loss: Tensor = output.prediction_losses.sum() + penalty_weight * penalties.sum()
    return loss


def unmasked_loss(logits: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Sum the cross entropy over frames that are not masked.

    Args:
        logits: (batch, frames, clusters).
        batch: `mask_time_indices` (batch, frames) bool and `labels` (batch, frames) int64, below
            zero where there is none.

    Returns:
        (), the sum.
    """
    seen = ~batch["mask_time_indices"] & (batch["labels"] >= 0)
    return functional.cross_entropy(logits[seen], batch["labels"][seen], reduction="sum")


@torch.no_grad()
def count_batch(output: Any, loss: Tensor, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the sums of one batch, as `COUNTS` names them, in the widest format of the device.

    Args:
        output: A PreTrainingOutput.
        loss: (), summed over the masked frames.
        batch: `input_values` (batch, samples), perhaps `attention_mask` (batch, samples),
            `mask_time_indices` and `labels` (batch, frames).

    Returns:
        Numbers, (), and `codes`, (clusters,): how often each is predicted for a masked frame.
    """
    labels, is_masked = batch["labels"], batch["mask_time_indices"]
    predicted = output.logits.argmax(-1)
    right = predicted == labels
    masked, unmasked = is_masked & (labels >= 0), ~is_masked & (labels >= 0)
    padding = batch.get("attention_mask")
    num_samples = torch.tensor(batch["input_values"].numel(), device=labels.device)
    sums = {
        "loss": loss.detach(),
        "prediction_loss": output.prediction_losses.sum(),
        "masked": output.num_masked,
        "masked_right": (right & masked).sum(),
        "unmasked": unmasked.sum(),
        "unmasked_right": (right & unmasked).sum(),
        "real": num_samples if padding is None else padding.sum(),
        "samples": num_samples,
        "codes": torch.bincount(predicted[masked], minlength=output.logits.shape[-1]),
    }
    return {name: widened(value) for name, value in sums.items()}


def count_nothing(num_clusters: int, device: torch.device) -> dict[str, Tensor]:
    """Return the sums of a process that has no batch left."""
    sums = {name: torch.zeros((), device=device) for name in COUNTS}
    return sums | {"codes": torch.zeros(num_clusters, device=device)}


def ratios_of(sums: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return what the sums of all processes say, each (), but for what there was nothing of."""
    share = sums["codes"] / sums["codes"].sum()
    ratios = {
        "loss": sums["loss"] / sums["masked"],
        # Without the penalty on the features: what published curves and chance are about.
        "prediction_loss": sums["prediction_loss"] / sums["masked"],
        "masked_accuracy": sums["masked_right"] / sums["masked"],
        "unmasked_accuracy": sums["unmasked_right"] / sums["unmasked"],
        "code_perplexity": torch.special.entr(share).sum().exp(),
        "padding_waste": 1 - sums["real"] / sums["samples"],
    }
    counts = {"unmasked_accuracy": "unmasked", "padding_waste": "samples"}
    # Where nothing is masked there is no loss: a zero would be the best of all.
    return {name: ratio for name, ratio in ratios.items() if sums[counts.get(name, "masked")] > 0}
