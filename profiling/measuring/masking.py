"""What a mask of padding adds to a step: steps with one and without one, in turns.

A sweep's batches have exact lengths, so none of its steps has a mask. Batches of real data have
one: full attention then reads a mask, and `unpadded` packs and unpacks.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import torch
from torch import Tensor

from datamodules.batching.masking import IGNORED_LABEL
from datamodules.geometry import samples_for_frames
from profiling.measuring.paths.active_path import Batch
from profiling.measuring.steps.attempts import if_it_fits
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point

# Without, with, with, without: whatever comes back every second step hits both alike.
TURNS = (False, True, True, False)
WARM_UP = 2  # one of each


def masked_step_ratio(point: Point, batch_size: int) -> float | None:
    """Return what a step with a mask takes over the same one without.

    A fresh model is measured. The mask has the fewest padded tokens that a mask can have: what it
    adds hardly depends on how many there are.

    Returns:
        Masked over plain, medians; None where it cannot be asked: images of a batch have one size,
        real batches have their own masks, a compiled model would be compiled once more, a graphed
        one replays what it recorded, and where memory ran out.
    """
    if point.modality == "vision" or point.batches is not None or point.compiled or point.graphed:
        return None
    if point.length == 1:
        return None

    def measure() -> float:
        batch = batch_of(point, batch_size)
        masked = mask_padding(point.modality, batch, _least_padded(point.length, batch_size))
        both = [masked if is_masked else batch for is_masked in TURNS]
        effort = replace(
            point.effort,
            num_warmup_steps=WARM_UP,
            min_samples=max(len(TURNS), point.effort.min_samples),
        )
        samples = run_steps(build_point(point), point, both, effort)
        return _ratio([sample.latency_ms for sample in samples])

    return if_it_fits(point, measure)


def mask_padding(modality: str, batch: Batch, lengths: Sequence[int]) -> Batch:
    """Return the batch with nothing but padding behind the end of each sample.

    Args:
        modality: Images of a batch have one side, so there nothing is padded.
        batch: Without a mask, all its samples of one length.
        lengths: (batch,), real tokens or frames of each.
    """
    if modality == "vision":
        return batch
    ends = list(lengths)
    if modality == "text":
        real = _before(ends, batch["input_ids"])
        changed = {
            "input_ids": batch["input_ids"].masked_fill(~real, 0),
            "labels": batch["labels"].masked_fill(~real, IGNORED_LABEL),
        }
    else:
        ends = [samples_for_frames(each) for each in lengths]
        real = _before(ends, batch["input_values"])
        heard = _before(lengths, batch["mask_time_indices"])
        changed = {
            "input_values": batch["input_values"].masked_fill(~real, 0.0),
            "mask_time_indices": batch["mask_time_indices"] & heard,
        }
    mask = {} if min(ends) >= real.shape[1] else {"attention_mask": real.long()}
    return batch | changed | mask


def _before(ends: Sequence[int], like: Tensor) -> Tensor:
    """Return (batch, positions) bool, where `like` is: whether a position is of its sample."""
    positions = torch.arange(like.shape[1], device=like.device)
    return positions < torch.tensor(ends, device=like.device)[:, None]


def _least_padded(length: int, batch_size: int) -> list[int]:
    """Return real lengths: one sample fills the batch, if there are several; others lack one."""
    full = [length] * (batch_size > 1)
    return full + [length - 1] * (batch_size - len(full))


def _ratio(latencies_ms: Sequence[float]) -> float:
    """Return masked over plain, of steps that took turns after the warm-up."""
    parts: dict[bool, list[float]] = {False: [], True: []}
    for number, latency in enumerate(latencies_ms, start=WARM_UP):
        parts[TURNS[number % len(TURNS)]].append(latency)
    return median(parts[True]) / median(parts[False])
