"""Batches of planned lengths: synthetic content, and masks of what is padding."""

from dataclasses import replace

from benchmarks.answers.epoch_runs.tasks import step_length
from datamodules.batching.policies import PaddedBatch
from profiling.measuring.masking import mask_padding
from profiling.measuring.paths.active_path import Batch
from profiling.measuring.steps.building import batch_of
from profiling.planning.points import Point


def make_batch(point: Point, planned: PaddedBatch) -> Batch:
    """Return the tensors of a planned batch, as `datamodules.base.Batch` describes them."""
    row = {"modality": point.modality, "variant": point.variant}
    at = replace(point, length=step_length(planned, row))
    return mask_padding(point.modality, batch_of(at, len(planned.lengths)), planned.lengths)
