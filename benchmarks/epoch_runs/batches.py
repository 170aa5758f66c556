"""Batches of planned lengths: synthetic content, and masks of what is padding."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.epoch_runs.tasks import step_length
from datamodules.batching.masking import IGNORED_LABEL
from datamodules.batching.policies import PaddedBatch
from datamodules.geometry import samples_for_frames
from profiling.measuring.active_path import Batch
from profiling.measuring.trainer_runs import batch_of
from profiling.planning.points import Point


def make_batch(point: Point, planned: PaddedBatch) -> Batch:
    """Return the tensors of a planned batch, as `datamodules.base.Batch` describes them."""
    row = {"modality": point.modality, "variant": point.variant}
    at = replace(point, length=step_length(planned, row))
    return mask_padding(point.modality, batch_of(at, len(planned.lengths)), planned.lengths)


def mask_padding(modality: str, batch: Batch, lengths: Sequence[int]) -> Batch:
    """Return the batch with nothing but padding behind the end of each sample.

    Args:
        modality: Images of a batch have one side, so there nothing is padded.
        batch: Without a mask, all its samples of one length.
        lengths: (batch,), real tokens or frames of each.
    """
    if modality == "vision":
        return batch
    if modality == "text":
        real = _before(lengths, batch["input_ids"])
        changed = {
            "input_ids": batch["input_ids"].masked_fill(~real, 0),
            "labels": batch["labels"].masked_fill(~real, IGNORED_LABEL),
        }
    else:
        real = _before([samples_for_frames(each) for each in lengths], batch["input_values"])
        heard = _before(lengths, batch["mask_time_indices"])
        changed = {
            "input_values": batch["input_values"].masked_fill(~real, 0.0),
            "mask_time_indices": batch["mask_time_indices"] & heard,
        }
    mask = {} if bool(real.all()) else {"attention_mask": real.long()}
    return batch | changed | mask


def _before(ends: Sequence[int], like: Tensor) -> Tensor:
    """Return (batch, positions) bool: whether a position lies before the end of its sample."""
    return torch.arange(like.shape[1]) < torch.tensor(ends)[:, None]
