"""HuBERT against L-HuBERT at one length: as launched by the host, and replayed as a CUDA graph.

A replay costs the host next to nothing, so that its time is the device's own; over the wall time of
the usual launches that is the share in which the device is busy. Each visit is a process of its
own; within it the models take turns.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from profiling.checking.on_device.cases import Case, Found, NotHereError, run_cases
from profiling.checking.on_device.models import build_speech, waveform
from profiling.checking.on_device.timing import device_ms, wake, wall_ms
from profiling.checking.parts import DeviceTask
from profiling.checking.scale import Scale
from profiling.instruments.memory import MIB
from profiling.measuring.paths.capturing import WARM_UP_CALLS, captured


@dataclass(frozen=True)
class Contender:
    """A model by its kernel."""

    variant: str
    implementation: str
    attention_window: int | None

    @property
    def name(self) -> str:
        """What its rows are called."""
        return f"{self.variant} {self.implementation}"


def race(task: DeviceTask) -> Iterator[Found]:
    """Yield latency, replay, memory at batch size 1 and throughput of each, in turns."""
    yield from run_cases(_cases(task.scale, task.visit), task)


def _cases(scale: Scale, visit: int) -> Iterator[Case]:
    window = scale.windows[0]
    found = [
        Contender("hubert", "sdpa", None),
        Contender("lhubert", "local_blocked", window),
        Contender("lhubert", "local_varlen", window),
    ]
    if visit % 2:
        found.reverse()  # so that a drift hits all of them
    for measure in (_launched, _replayed, _in_batches):
        for contender in found:
            kind = measure.__name__.removeprefix("_")
            yield f"{contender.name}, {kind}", partial(measure, scale, contender)


def _launched(scale: Scale, contender: Contender) -> dict[str, Any]:
    model, run = _forward(scale, contender, 1)
    above = _memory_mib(run, scale)
    samples = wall_ms(run, scale.device, 4 * scale.seconds_per_case)
    return _fields(contender, "launched", scale, 1) | {
        "latency_ms": statistics.median(samples),
        "latency_ms_samples": samples,
        "memory_above_weights_mib": above,
        "weights_mib": sum(p.numel() * p.element_size() for p in model.parameters()) / MIB,
    }


def _replayed(scale: Scale, contender: Contender) -> dict[str, Any]:
    if scale.device != "cuda":
        raise NotHereError("only CUDA devices have CUDA graphs")
    _, run = _forward(scale, contender, 1)
    replay = _captured(run)
    samples = wall_ms(replay, scale.device, 4 * scale.seconds_per_case)
    busy = device_ms(replay, scale.device, 50)
    launched = statistics.median(wall_ms(run, scale.device, scale.seconds_per_case))
    return _fields(contender, "replayed", scale, 1) | {
        "latency_ms": statistics.median(samples),
        "latency_ms_samples": samples,
        "device_ms": busy,
        "device_busy_share": min(1.0, (busy or 0.0) / launched),
    }


def _in_batches(scale: Scale, contender: Contender) -> dict[str, Any]:
    _, run = _forward(scale, contender, scale.batch_size)
    above = _memory_mib(run, scale)
    samples = wall_ms(run, scale.device, 4 * scale.seconds_per_case)
    latency_ms = statistics.median(samples)
    return _fields(contender, "in_batches", scale, scale.batch_size) | {
        "latency_ms": latency_ms,
        "latency_ms_samples": samples,
        "throughput_samples_per_s": scale.batch_size * 1e3 / latency_ms,
        "memory_above_weights_mib": above,
    }


def _fields(contender: Contender, kind: str, scale: Scale, batch_size: int) -> dict[str, Any]:
    return {
        "variant": contender.variant,
        "implementation": contender.implementation,
        "attention_window": contender.attention_window,
        "kind": kind,
        "batch_size": batch_size,
        "sequence_length": scale.frames,
    }


def _forward(scale: Scale, contender: Contender, batch: int) -> tuple[Any, Callable[[], Any]]:
    model = build_speech(
        scale, contender.variant, contender.implementation, contender.attention_window
    )
    audio = waveform(scale, scale.frames, batch)

    def run() -> Any:
        with torch.no_grad():
            return model(audio).last_hidden_state

    wake(scale.device)
    for _ in range(WARM_UP_CALLS):
        run()
    return model, run


def _memory_mib(run: Callable[[], Any], scale: Scale) -> float | None:
    """Return the allocator's peak in a call above what was allocated before; None on a CPU."""
    if scale.device != "cuda":
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before) / MIB


def _captured(run: Callable[[], Any]) -> Callable[[], Any]:
    """Capture a call; return what replays it, held against a usual call."""
    expected = run()
    replay, output = captured(run)
    replay()
    torch.cuda.synchronize()
    if not torch.allclose(output.float(), expected.float(), atol=0.05, rtol=0.05):
        raise ArithmeticError("the replayed graph gives other states than the launched forward")
    return replay
