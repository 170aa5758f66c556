"""How fast is local attention? `python benchmarks/kernels/attention_kernels.py [--device cuda]`.

Every implementation against dense fused attention, transformers' Longformer kernel, the
local-attention package and, on CUDA, flash attention; forward, and forward with backward; and
against the limit: the operations inside the band at the rate of a 1024-square matrix multiplication
in the same run. Runs of all contenders alternate, so that drift hits all. On a CPU the process
keeps the memory that it frees. Memory is the peak of a process of its own, which does not.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch
from torch import Tensor

from benchmarks.kernels.contenders import HEAD_DIM, HEADS, contenders, flops_in_band
from benchmarks.kernels.tables import as_markdown, plot
from lightning_modules.allocator import keep_freed_memory, take_and_free
from profiling.children.server import run_in_child, start_server
from profiling.instruments.memory import PeakMemory, return_freed_pages
from profiling.measuring.process_limits import is_out_of_memory
from profiling.rows.machine import available_threads, cpu_name, library_versions

LENGTHS = (1000, 2000, 4000, 8000)
MEMORY_LENGTH = 4000
WINDOWS = (32, 100)
PHASES = ("forward", "forward+backward")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
ROUNDS = 5
SECONDS_PER_ROUND = 0.2
LONGEST = {"local_masked": 2000}  # the oracle, which is quadratic in time and memory
# More than the largest of the runs takes: their pages are there before any is timed.
HEAP_BYTES = 3 * 2**30
Run = Callable[[], Any]


def make_run(
    name: str, tokens: int, window: int, dtype: torch.dtype, device: str, phase: str
) -> Run:
    """Return one unit of work of a contender, on inputs of its own."""
    contender = contenders(tokens, window, dtype, device)[name]
    generator = torch.Generator().manual_seed(0)
    needs_grad = phase != "forward"
    inputs: list[Tensor] = []
    for _ in range(3):
        made = torch.randn(1, tokens, HEADS * HEAD_DIM, generator=generator).to(device, dtype)
        inputs.append(contender.prepare(made).detach().requires_grad_(needs_grad))

    def run() -> Any:
        with torch.set_grad_enabled(needs_grad):
            output = contender.compute(*inputs)
            if not needs_grad:
                return output
            return torch.autograd.grad(output, inputs, torch.ones_like(output))

    return run


def why_not(run: Run) -> str | None:
    """Try it once; return why it cannot run here."""
    try:
        run()
    except (ValueError, RuntimeError) as problem:
        if not (is_out_of_memory(problem) or isinstance(problem, ValueError)):
            raise
        return str(problem).splitlines()[0]
    return None


def timed(run: Run, device: str) -> float:
    """Return the seconds of one run, the device synchronised at both ends."""
    if device == "cuda":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def matmul_rate(dtype: torch.dtype, device: str) -> float:
    """Return operations per second of a 1024-square matrix multiplication."""
    left, right = (torch.randn(1024, 1024, device=device).to(dtype) for _ in range(2))
    times = [timed(lambda: left @ right, device) for _ in range(23)]
    return 2 * 1024**3 / statistics.median(times[3:])


def time_alternating(runs: dict[Any, Run], device: str, rounds: int = ROUNDS) -> dict[Any, float]:
    """Return the median seconds of each, taken in rounds of alternating order."""
    times: dict[Any, list[float]] = {key: [] for key in runs}
    for number in range(rounds):
        for key in list(runs) if number % 2 == 0 else reversed(list(runs)):
            once = timed(runs[key], device)
            for _ in range(max(2, int(SECONDS_PER_ROUND / once))):
                times[key].append(timed(runs[key], device))
    return {key: statistics.median(values) for key, values in times.items()}


def measure(tokens: int, window: int, dtype_name: str, device: str) -> list[dict[str, Any]]:
    """Time the contenders; return a row for each and phase."""
    dtype = DTYPES[dtype_name]
    known = contenders(tokens, window, dtype, device)
    runs: dict[tuple[str, str], Run] = {}
    rows: list[dict[str, Any]] = []
    where = {"tokens": tokens, "window": window, "dtype": dtype_name}
    for name in [n for n in known if tokens <= LONGEST.get(n, tokens)]:
        for phase in PHASES:
            run = make_run(name, tokens, window, dtype, device, phase)
            reason = why_not(run)
            if reason is None:
                runs[name, phase] = run
            else:
                rows.append({"name": name, "phase": phase, "why_not": reason} | where)
    before = matmul_rate(dtype, device)
    seconds = time_alternating(runs, device)
    rate = statistics.mean((before, matmul_rate(dtype, device)))
    for (name, phase), value in seconds.items():
        times = value * rate / flops_in_band(tokens, window, phase)
        row = {"name": name, "phase": phase, "ms": value * 1e3, "times_limit": times}
        rows.append(row | {"matmul_gflops": rate / 1e9} | where)
    return rows


def measure_memory(task: tuple[str, int, int, str, str, str]) -> float:
    """Return the peak in MiB that one contender adds to its inputs, in a child of its own."""
    name, tokens, window, dtype_name, phase, device = task
    dtype = DTYPES[dtype_name]
    if device == "cpu":
        return_freed_pages()
    run = make_run(name, tokens, window, dtype, device, phase)
    run()  # reads in libraries, and compiles
    memory = PeakMemory(device)
    memory.reset()
    run()
    return memory.read()


def add_memory(rows: list[dict[str, Any]], device: str) -> None:
    """Add the peak of every row of one length that has a time."""
    context = start_server()
    for row in rows:
        if "ms" in row and row["tokens"] == MEMORY_LENGTH:
            what = [row[name] for name in ("name", "tokens", "window", "dtype", "phase")]
            task = (*what, device)
            outcome = run_in_child(
                context, "benchmarks.kernels.attention_kernels:measure_memory", task, 300
            )
            row["peak_mib"] = outcome.value if outcome.kind == "ok" else None


def main() -> None:
    """Measure, print the tables, and store everything with the machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    device = arguments.device
    allocator = "kept" if device == "cpu" and keep_freed_memory() else "system"
    if allocator == "kept":
        take_and_free(HEAP_BYTES)
    torch.manual_seed(0)
    rows = []
    for window in WINDOWS:
        for dtype_name in DTYPES:
            for tokens in LENGTHS:
                print(f"{dtype_name}, {tokens} tokens, window {window}", flush=True)
                rows += measure(tokens, window, dtype_name, device)
    add_memory(rows, device)
    stored = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": cpu_name() if device == "cpu" else torch.cuda.get_device_name(),
        "threads": available_threads(),
        "versions": library_versions(),
        "allocator": allocator,
        "rows": rows,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    name = f"attention_kernels-{device}"
    (arguments.out / f"{name}.json").write_text(json.dumps(stored) + "\n")
    (arguments.out / f"{name}.md").write_text(as_markdown(stored))
    plot(rows, arguments.out / f"{name}.png")
    print(as_markdown(stored))


if __name__ == "__main__":
    main()
