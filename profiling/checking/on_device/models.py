"""The speech encoders of a check and the audio for them, on its device."""

from typing import Any

import torch
from torch import Tensor

from datamodules.geometry import samples_for_frames
from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model
from profiling.checking.scale import Scale


def build_speech(
    scale: Scale, variant: str, implementation: str, attention_window: int | None = None
) -> Any:
    """Build an encoder of transformers with random weights, in evaluation mode.

    Both variants have the same front end, so that nothing but attention differs.
    """
    torch.manual_seed(0)
    settings = SpeechModelSettings(
        variant, scale.size, attention_window=attention_window, implementation=implementation
    )
    with torch.device(scale.device):  # drawn on a CPU, weights take longer than all the rest
        model = build_speech_model("encoder", settings)
    return model.eval().to(scale.device, dtype_of(scale))


def dtype_of(scale: Scale) -> torch.dtype:
    """Return the number format of the models."""
    return torch.bfloat16 if scale.precision == "bf16-true" else torch.float32


def waveform(scale: Scale, frames: int, batch: int = 1) -> Tensor:
    """Return noise of (batch, samples) that gives exactly so many frames."""
    generator = torch.Generator().manual_seed(0)
    audio = torch.randn(batch, samples_for_frames(frames), generator=generator)
    return audio.to(scale.device, dtype_of(scale))
