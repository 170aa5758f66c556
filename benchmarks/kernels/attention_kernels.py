"""How fast is local attention? `python benchmarks/kernels/attention_kernels.py [--device cuda]`.

Every implementation against dense fused attention, transformers' Longformer kernel, the
local-attention package and, on CUDA, flash attention; forward, and forward with backward; and
against the limit: the operations inside the band at the rate of a large product of matrices in the
same run. Runs of all contenders alternate, so that drift hits all. On a CPU the process keeps the
memory that it frees; on CUDA every length is measured in a process of its own, which an error may
spoil. Memory is the peak of a process of its own, which keeps none.
"""

import argparse
import itertools
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch
from torch import Tensor

from benchmarks.keeping import add_out, keep
from benchmarks.kernels.clocks import Clock, Run, alternate, product_rate, why_not
from benchmarks.kernels.contenders import HEAD_DIM, HEADS, contenders, flops_in_band
from benchmarks.kernels.tables import as_markdown, plot
from benchmarks.mistakes import in_one_sentence
from lightning_modules.allocator import keep_freed_memory, take_and_free
from profiling.children.server import run_in_child, start_server
from profiling.instruments.memory import PeakMemory, return_freed_pages
from profiling.measuring.tasks import describe_cuda
from profiling.rows.machine import available_threads, cpu_name, library_versions

LENGTHS = {"cpu": (1000, 2000, 4000, 8000), "cuda": (1000, 4000, 16_000, 64_000)}
MEMORY_LENGTH = 4000
WINDOWS = (32, 100)
PHASES = ("forward", "forward+backward")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
LONGEST = {"local_masked": 2000}  # the oracle, which is quadratic in time and memory
# More than the largest of the runs takes: their pages are there before any is timed.
HEAP_BYTES = 3 * 2**30


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


def measure(where: tuple[int, int, str, str]) -> list[dict[str, Any]]:
    """Time the contenders; return a row for each and phase.

    Args:
        where: Tokens, window, number format and device.
    """
    tokens, window, dtype_name, device = where
    dtype = DTYPES[dtype_name]
    known = contenders(tokens, window, dtype, device)
    clocks: dict[tuple[str, str], Clock] = {}
    rows: list[dict[str, Any]] = []
    place = {"tokens": tokens, "window": window, "dtype": dtype_name}
    for name in [n for n in known if tokens <= LONGEST.get(n, tokens)]:
        for phase in PHASES:
            run = make_run(name, tokens, window, dtype, device, phase)
            reason = why_not(run, device)
            if reason is None:
                clocks[name, phase] = Clock(run, device)
            else:
                rows.append({"name": name, "phase": phase, "why_not": reason} | place)
    before = product_rate(dtype, device)
    seconds = alternate(clocks)
    rate = statistics.mean((before, product_rate(dtype, device)))
    for (name, phase), value in seconds.items():
        times = value * rate / flops_in_band(tokens, window, phase)
        row = {"name": name, "phase": phase, "ms": value * 1e3, "times_limit": times}
        row["timed_in"] = clocks[name, phase].timed_in
        rows.append(row | {"matmul_gflops": rate / 1e9} | place)
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


def measure_all(device: str) -> list[dict[str, Any]]:
    """Measure every length, window and number format; a place where that fails is left out."""
    rows = []
    context = start_server() if device == "cuda" else None
    for window, dtype_name, tokens in itertools.product(WINDOWS, DTYPES, LENGTHS[device]):
        told = f"{dtype_name}, {tokens} tokens, window {window}"
        print(told, flush=True)
        where = (tokens, window, dtype_name, device)
        if context is None:
            rows += measure(where)
            continue
        outcome = run_in_child(context, "benchmarks.kernels.attention_kernels:measure", where, None)
        if outcome.kind != "ok":
            print(f"{told}: {outcome.message}", file=sys.stderr, flush=True)
        rows += outcome.value or []
    return rows


@in_one_sentence
def main() -> None:
    """Measure, print the tables, and store everything with the machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    add_out(parser)
    arguments = parser.parse_args()
    device = arguments.device
    machine = cpu_name() if device == "cpu" else describe_cuda()["name"]
    allocator = "kept" if device == "cpu" and keep_freed_memory() else "system"
    if allocator == "kept":
        take_and_free(HEAP_BYTES)
    torch.manual_seed(0)
    rows = measure_all(device)
    add_memory(rows, device)
    stored = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine,
        "threads": available_threads(),
        "versions": library_versions(),
        "allocator": allocator,
        "rows": rows,
    }
    name, table = f"attention_kernels-{device}", as_markdown(stored)
    keep(arguments.out, name, table, stored)
    plot(rows, arguments.out / f"{name}.png")
    print(table)


if __name__ == "__main__":
    sys.exit(main())
