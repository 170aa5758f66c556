"""The most that this device computes, by products of matrices."""

import time

import torch

from profiling.measuring.process_limits import set_threads

# Rows of the square matrices: large enough for every core, small enough for many tries.
SIZES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192)}
SECONDS = 0.3  # for each size
LEAST_TRIES = 3
DTYPES = {"32": torch.float32, "bf16": torch.bfloat16, "16": torch.float16}


def measure_peak_flops_per_s(device: str, precision: str, threads: int) -> float:
    """Measure the best rate of square products of matrices, in floating point operations a second.

    It is a ceiling, so the best of several tries counts, and the best of several sizes. It obeys
    this process's switches, such as the one that lets float32 be rounded to TF32.

    Args:
        device: "cpu" or "cuda".
        precision: Lightning's name of the number format, such as "32-true" or "bf16-mixed".
        threads: Threads of a CPU.
    """
    set_threads(threads)
    dtype = DTYPES[precision.partition("-")[0]]
    best = 0.0
    for rows in SIZES[device]:
        if best and flops_of_product(rows) / best > SECONDS:  # a format without units
            break
        best = max(best, _best_rate(device, dtype, rows))
    return best


def flops_of_product(rows: int) -> float:
    """Return what the product of two square matrices takes."""
    return 2.0 * rows**3


def _best_rate(device: str, dtype: torch.dtype, rows: int) -> float:
    left, right = (torch.randn(rows, rows, device=device).to(dtype) for _ in range(2))
    product = left @ right  # the first one prepares the library
    flops = flops_of_product(rows)
    end = time.perf_counter() + SECONDS
    best, tries = 0.0, 0
    with torch.no_grad():
        while tries < LEAST_TRIES or time.perf_counter() < end:
            best = max(best, flops / _seconds_of(left, right, product))
            tries += 1
    return best


def _seconds_of(left: torch.Tensor, right: torch.Tensor, product: torch.Tensor) -> float:
    if left.device.type != "cuda":
        begin = time.perf_counter()
        torch.mm(left, right, out=product)
        return time.perf_counter() - begin
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    torch.mm(left, right, out=product)
    after.record()
    after.synchronize()
    return float(before.elapsed_time(after)) / 1e3
