"""What the device is, how fast it can be at best, and which fused kernel torch takes for what."""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from profiling.checking.on_device.cases import Case, Found, NotHereError, run_cases
from profiling.checking.on_device.timing import time_run, wake
from profiling.checking.parts import DeviceTask
from profiling.checking.scale import Scale
from profiling.rows.machine import driver_version

HEAD_DIM, TOKENS = 64, 256
# How fused kernels are called in a profile of torch.
FUSED = ("cudnn", "flash", "efficient")


def look(task: DeviceTask) -> Iterator[Found]:
    """Yield the card, its ceilings, and the kernels that fused attention chooses."""
    wake(task.scale.device)
    yield from run_cases(_cases(task.scale), task)


def _cases(scale: Scale) -> Iterator[Case]:
    yield "device", partial(_describe, scale.device)
    yield "copy", partial(_copy, scale)
    for kind in ("bfloat16", "float16", "tf32", "float32"):
        yield f"product {kind}", partial(_product, scale, kind)
    for dtype, mask, grad in itertools.product(
        ("bfloat16", "float16", "float32"), ("none", "padding"), (False, True)
    ):
        name = f"sdpa {dtype}, mask {mask}, {'training' if grad else 'inference'}"
        yield name, partial(_chosen, scale, dtype, mask, grad)


def _describe(device: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "matmul_tf32": torch.backends.cuda.matmul.allow_tf32,
        "cudnn_tf32": torch.backends.cudnn.allow_tf32,
    }
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        found |= {
            "card": card.name,
            "memory_gib": card.total_memory / 2**30,
            "capability": f"{card.major}.{card.minor}",
            "multiprocessors": card.multi_processor_count,
            "driver": driver_version(),
        }
    return found


def _copy(scale: Scale) -> dict[str, Any]:
    source = torch.empty(scale.copy_mib * 2**20, dtype=torch.uint8, device=scale.device)
    target = torch.empty_like(source)
    times = time_run(lambda: target.copy_(source), scale.device, scale.seconds_per_case)
    # It is read once and written once.
    return times | {"gb_per_s": 2 * source.numel() / _best_ms(times) / 1e6}


def _product(scale: Scale, kind: str) -> dict[str, Any]:
    is_tf32 = kind == "tf32"
    if is_tf32 and scale.device == "cpu":
        raise NotHereError("only CUDA devices have TF32")
    side = scale.product_side
    dtype = torch.float32 if is_tf32 else getattr(torch, kind)
    left, right = (torch.randn(side, side, device=scale.device).to(dtype) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = is_tf32
    try:
        times = time_run(lambda: left @ right, scale.device, scale.seconds_per_case)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return times | {"tflop_per_s": 2 * side**3 / _best_ms(times) / 1e9, "side": side}


def _best_ms(times: dict[str, Any]) -> float:
    return float(times["device_ms"] or times["wall_ms"])


def _chosen(scale: Scale, dtype: str, mask: str, grad: bool) -> dict[str, Any]:
    """Name the operator that fused attention runs, as a profile of one call has it."""
    from torch.profiler import ProfilerActivity, profile

    shape = (2, scale.heads, TOKENS, HEAD_DIM)
    kind = getattr(torch, dtype)
    query, key, value = (
        torch.randn(shape, device=scale.device, dtype=kind, requires_grad=grad) for _ in range(3)
    )
    seen = _padding(shape, scale.device) if mask == "padding" else None
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
    names = {event.key for event in profiled.key_averages()}
    fused = [name for name in sorted(names) if "attention" in name and _is_fused(name)]
    return {"kernel": fused[0] if fused else "math"}


def _is_fused(name: str) -> bool:
    return name.startswith("aten::_") and any(word in name for word in FUSED)


def _padding(shape: tuple[int, ...], device: str) -> Tensor:
    lengths = torch.tensor([shape[2], shape[2] // 2], device=device)
    mask = torch.arange(shape[2], device=device) < lengths[:, None]
    return mask[:, None, None, :]
