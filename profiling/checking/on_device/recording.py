"""A recording of an hour through L-HuBERT, in one pass."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from datamodules.geometry import frames_for_samples
from lightning_modules.lhubert.recording import encode_recording
from profiling.checking.on_device.cases import Case, Found, run_cases
from profiling.checking.on_device.models import build_speech, waveform
from profiling.checking.on_device.timing import synchronise
from profiling.checking.parts import DeviceTask
from profiling.checking.scale import Scale
from profiling.checking.time_box import Stopwatch
from profiling.instruments.memory import MIB

SAMPLES_PER_S = 16_000
KERNELS = ("local_blocked", "local_varlen")


def encode(task: DeviceTask) -> Iterator[Found]:
    """Yield seconds and memory for the whole recording, by kernel."""
    scale = task.scale
    cases: Iterator[Case] = (
        (f"{scale.recording_s:g} s of audio, {kernel}", partial(_encode, scale, kernel))
        for kernel in KERNELS
    )
    yield from run_cases(cases, task)


def _encode(scale: Scale, kernel: str) -> dict[str, Any]:
    model = build_speech(scale, "lhubert", kernel, scale.windows[0])
    frames = frames_for_samples(int(scale.recording_s * SAMPLES_PER_S))
    audio = waveform(scale, frames)[0]
    encode_recording(model, audio[: SAMPLES_PER_S * 5])  # reads in what kernels need
    if scale.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    watch = Stopwatch()
    states = encode_recording(model, audio)
    synchronise(scale.device)
    seconds = watch.seconds
    found = {"encoding_s": seconds, "times_real_time": scale.recording_s / seconds}
    if scale.device == "cuda":
        found["peak_memory_mib"] = torch.cuda.max_memory_allocated() / MIB
    is_right = len(states) == frames and bool(states.isfinite().all())
    return found | {"frames": frames} | ({} if is_right else {"wrong": "states are not finite"})
