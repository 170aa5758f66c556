"""Operations of a training step of HuBERT and L-HuBERT, counted and not measured."""

from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers.utils import import_utils

from datamodules.geometry import HOP_SAMPLES, samples_for_frames
from lightning_modules.attention.executed import band_pairs, executed_pairs
from lightning_modules.lhubert import features
from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.masked_prediction import MaskedPrediction
from profiling.counting.fake_model import empty_batch, empty_model
from profiling.counting.fused_windows import counted_windows
from profiling.counting.step_count import StepCount


@dataclass(frozen=True)
class Model:
    """A model of which a step is counted.

    Args:
        variant: "hubert" or "lhubert".
        implementation: Its attention kernel.
        attention_window: Total width in frames; None for hubert.
        size: As in `lightning_modules.sizes`.
    """

    variant: str
    implementation: str
    attention_window: int | None = None
    size: str = "base"


def count_step(model: Model, task: str, frames: int, num_clusters: int) -> dict[str, float]:
    """Count forward and backward of one utterance that is not padded; no layer is dropped.

    Nothing is computed: tensors have shapes and no values. The loss itself has no product, so that
    the sum of the logits stands in its place.

    Args:
        model: Which.
        task: "pretraining", or "ctc" with the front end frozen.
        frames: Of the utterance.
        num_clusters: Of the labels in pre-training.

    Returns:
        `forward` and `step`, with all pairs of frames that the kernel computes, and `step_exact`,
        with those inside the window alone; what a kernel computes again is in none.
    """
    given: dict[str, Any] = {
        "variant": model.variant,
        "attention_window": model.attention_window,
        "implementation": model.implementation,
        "size": model.size,
    }
    with torch.device("meta"):
        module: MaskedPrediction | CtcModule = (
            CtcModule(**given) if task == "ctc" else MaskedPrediction(num_clusters, **given)
        )
    samples = torch.zeros(1, samples_for_frames(frames))
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        empty_model(module, "cpu")
        batch = empty_batch({"input_values": samples}, "cpu")
    count = StepCount()
    with (
        fake,
        torch.autograd.set_multithreading_enabled(False),
        counted_windows(model.implementation, count.add),
        patch.object(import_utils, "is_fake_tensor", lambda _: False),
        # On a CPU alone the front end fills its inputs up, to one of few lengths.
        patch.object(features, "LENGTHS_PER_OCTAVE", HOP_SAMPLES * frames),
        count,
    ):
        logits = _logits(module, batch)
        forward = count.flops
        logits.sum().backward()
    config = module.model.config
    outside = _executed_pairs(model, frames) - _window_pairs(model, frames)
    of_pair = 3 * 4 * config.hidden_size * config.num_hidden_layers  # two products, two ways back
    return {
        "forward": forward,
        "step": count.flops,
        "step_exact": count.flops - of_pair * outside,
    }


def _logits(module: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    found: torch.Tensor
    if isinstance(module, CtcModule):
        module.hparams["freeze_encoder_steps"] = 0
        found = module.frame_logits(batch)
    else:
        found = module.model(batch["input_values"]).logits
    return found


def _window_pairs(model: Model, frames: int) -> int:
    if model.attention_window is None:
        return frames**2
    return band_pairs(frames, model.attention_window // 2)


def _executed_pairs(model: Model, frames: int) -> int:
    if model.attention_window is None:
        return frames**2
    half = model.attention_window // 2
    return executed_pairs(model.implementation, frames, half, "cpu", True, 1)
