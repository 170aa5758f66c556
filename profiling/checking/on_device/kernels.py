"""Attention kernels alone, over lengths, windows and number formats: wall and device time."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from lightning_modules.attention import local_attention
from lightning_modules.attention.executed import band_pairs
from profiling.checking.on_device.cases import Case, Found, NotHereError, run_cases
from profiling.checking.on_device.timing import time_run, wake
from profiling.checking.parts import DeviceTask
from profiling.checking.scale import Scale

HEAD_DIM = 64
PHASES = ("inference", "training")
# Forward multiplies twice per pair of query and key, backward five times.
PRODUCTS = {"inference": 2, "training": 7}
DENSE = {
    "cuda": {
        "cudnn": SDPBackend.CUDNN_ATTENTION,
        "flash": SDPBackend.FLASH_ATTENTION,
        "efficient": SDPBackend.EFFICIENT_ATTENTION,
    },
    "cpu": {"flash": SDPBackend.FLASH_ATTENTION},
}
# Beyond, a dense kernel in float32 takes more of the time than it tells.
LONGEST_DENSE_FLOAT32 = 16_000
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def time(task: DeviceTask) -> Iterator[Found]:
    """Yield the time of every kernel, the number formats and lengths that matter most first."""
    wake(task.scale.device)
    yield from run_cases(_cases(task.scale), task)


def _cases(scale: Scale) -> Iterator[Case]:
    for dtype, tokens, phase in itertools.product(scale.dtypes, scale.lengths, PHASES):
        find = partial(_timed, scale, tokens, dtype, phase)
        for backend in DENSE[scale.device]:
            yield _name(f"dense {backend}", tokens, dtype, phase), partial(find, backend, None)
        for window in scale.windows:
            for kernel in ("local_blocked", "local_varlen"):
                name = _name(f"{kernel} {window}", tokens, dtype, phase)
                yield name, partial(find, kernel, window)
    for tokens, window in itertools.product(scale.flex_lengths, scale.windows[:1]):
        find = partial(_timed, scale, tokens, scale.dtypes[0], "inference", "local_flex", window)
        yield _name(f"local_flex {window}", tokens, scale.dtypes[0], "inference"), find


def _name(kernel: str, tokens: int, dtype: str, phase: str) -> str:
    return f"{kernel}, {tokens} tokens, {dtype}, {phase}"


def _timed(
    scale: Scale, tokens: int, dtype: str, phase: str, kernel: str, window: int | None
) -> dict[str, Any]:
    if window is None and dtype == "float32" and tokens > LONGEST_DENSE_FLOAT32:
        raise NotHereError(f"dense float32 is left out above {LONGEST_DENSE_FLOAT32} tokens")
    shape, kind = (1, scale.heads, tokens, HEAD_DIM), getattr(torch, dtype)
    is_training = phase == "training"
    inputs = [
        torch.randn(shape, device=scale.device, dtype=kind, requires_grad=is_training)
        for _ in range(3)
    ]
    attend = partial(_dense, kernel) if window is None else _local(kernel, window)
    weights = torch.ones(shape, device=scale.device, dtype=kind)

    def run() -> Any:
        with torch.set_grad_enabled(is_training):
            output = attend(*inputs)
            return torch.autograd.grad(output, inputs, weights) if is_training else output

    # Chosen once: chosen in every call it would take the host longer than a short kernel takes.
    with sdpa_kernel(DENSE[scale.device][kernel]) if window is None else nullcontext():
        times = time_run(run, scale.device, scale.seconds_per_case)
    facts = {"kernel": kernel, "attention_window": window, "sequence_length": tokens}
    rate = _flops(scale, tokens, window, phase) / (times["device_ms"] or times["wall_ms"]) / 1e9
    return facts | {"dtype": dtype, "phase": phase} | times | {"tflop_per_s": rate}


def _dense(backend: str, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    try:
        return functional.scaled_dot_product_attention(query, key, value)
    except RuntimeError as problem:
        if "No available kernel" not in str(problem):
            raise
        raise NotHereError(f"torch has no {backend} kernel for this") from None


def _local(kernel: str, window: int) -> Attend:
    return partial(local_attention, attention_window=window, implementation=kernel)


def _flops(scale: Scale, tokens: int, window: int | None, phase: str) -> float:
    """Return the operations that are needed, those outside the window not counted."""
    pairs = tokens**2 if window is None else band_pairs(tokens, window // 2)
    return 2.0 * PRODUCTS[phase] * HEAD_DIM * scale.heads * pairs
