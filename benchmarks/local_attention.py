"""How fast is local attention? `python benchmarks/local_attention.py [--device cuda] [--out DIR]`.

Every implementation against dense fused attention, transformers' Longformer kernel, the
local-attention package and, on CUDA, flash attention with a window; forward, and forward with
backward; and against the limit: the operations inside the band (backward twice the forward) at the
rate of a 1024-square matrix multiplication in the same run. Memory is the peak of a process of its
own. Blocks of all contenders alternate, so that drift hits all.
"""

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lightning_modules.attention import IMPLEMENTATIONS, local_attention
from profiling.children import run_in_child, start_server
from profiling.limits import is_out_of_memory
from profiling.machine import available_threads, cpu_name, library_versions
from profiling.memory import PeakMemory, return_freed_pages

HEADS, HEAD_DIM = 12, 64
LENGTHS = (1000, 2000, 4000, 8000)
WINDOWS = (32, 100)
ROUNDS = 5
SECONDS_PER_BLOCK = 0.25
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
Run = Callable[[], Any]


def make_inputs(tokens: int, dtype: torch.dtype, device: str, needs_grad: bool) -> list[Tensor]:
    """Return query, key, value (1, heads, tokens, head_dim), laid out as encoders lay them out."""
    generator = torch.Generator().manual_seed(0)
    shape = (1, tokens, HEADS, HEAD_DIM)
    made = [torch.randn(shape, generator=generator).to(device, dtype) for _ in range(3)]
    return [x.requires_grad_(needs_grad).transpose(1, 2) for x in made]


def contenders(window: int, dtype: torch.dtype, device: str) -> dict[str, Callable[..., Tensor]]:
    """Return what computes attention, by name; each takes query, key, value."""
    found: dict[str, Callable[..., Tensor]] = {
        "dense sdpa": functional.scaled_dot_product_attention
    }
    for name in IMPLEMENTATIONS:
        if name != "local_masked":
            found[name] = _ours(name, window)
    found["longformer"] = _longformer(window, dtype, device)
    if importlib.util.find_spec("local_attention"):
        found["local-attention"] = _local_attention_package(window)
    return found


def _ours(name: str, window: int) -> Callable[..., Tensor]:
    return lambda q, k, v: local_attention(q, k, v, window, implementation=name)


def _longformer(window: int, dtype: torch.dtype, device: str) -> Callable[..., Tensor]:
    """Return transformers' Longformer attention without its projections."""
    from transformers import LongformerConfig
    from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

    config = LongformerConfig(
        hidden_size=HEADS * HEAD_DIM,
        num_attention_heads=HEADS,
        attention_window=[window],
        attention_probs_dropout_prob=0.0,
    )
    layer = LongformerSelfAttention(config, 0).to(device, dtype).eval()

    def compute(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = {"query": query, "key": key, "value": value}
        tokens = query.shape[2]
        padding = -tokens % window
        for name, part in parts.items():
            flat = part.transpose(1, 2).flatten(2)
            padded = functional.pad(flat, (0, 0, 0, padding))
            layer.__dict__["_modules"][name] = _Constant(padded)
        hidden = padded
        mask = hidden.new_zeros(1, tokens + padding)
        mask[:, tokens:] = torch.finfo(dtype).min
        output = layer(
            hidden,
            attention_mask=mask,
            is_index_masked=mask < 0,
            is_index_global_attn=mask > 0,
            is_global_attn=False,
        )[0]
        return output[:, :tokens]  # type: ignore[no-any-return]

    return compute


class _Constant(torch.nn.Module):
    """Stands in for a projection."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, _: Tensor) -> Tensor:
        return self.output.clone()  # the layer divides its query in place


def _local_attention_package(window: int) -> Callable[..., Tensor]:
    from local_attention import LocalAttention

    layer = LocalAttention(
        window_size=window // 2,
        exact_windowsize=True,
        look_backward=1,
        look_forward=1,
        causal=False,
        autopad=True,
        use_rotary_pos_emb=False,
    )

    def compute(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        # It lets padding of its own be seen unless it is told what is real.
        real = torch.ones(query.shape[0], query.shape[2], dtype=torch.bool, device=query.device)
        output: Tensor = layer(query, key, value, mask=real)
        return output

    return compute


def runs_of(
    tokens: int, window: int, dtype: torch.dtype, device: str
) -> dict[tuple[str, str], Run]:
    """Return what to time, by contender and phase; those that cannot run here are left out."""
    runs: dict[tuple[str, str], Run] = {}
    for name, compute in contenders(window, dtype, device).items():
        for phase in ("forward", "forward+backward"):
            run = make_run(compute, tokens, dtype, device, phase)
            try:
                with torch.no_grad() if phase == "forward" else torch.enable_grad():
                    run()
            except (ValueError, RuntimeError) as problem:
                if is_out_of_memory(problem) or isinstance(problem, ValueError):
                    print(f"  {name}, {phase}: {str(problem).splitlines()[0]}")
                    continue
                raise
            runs[name, phase] = run
    return runs


def make_run(
    compute: Callable[..., Tensor], tokens: int, dtype: torch.dtype, device: str, phase: str
) -> Run:
    """Return one measured unit of work."""
    inputs = make_inputs(tokens, dtype, device, phase != "forward")
    if phase == "forward":

        def forward() -> None:
            with torch.no_grad():
                compute(*inputs)

        return forward

    def both() -> None:
        output = compute(*inputs)
        torch.autograd.grad(output, inputs, torch.ones_like(output))

    return both


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


def operations(tokens: int, window: int, phase: str) -> int:
    """Return the operations of the pairs inside the band; the backward has twice the forward's."""
    half = window // 2
    pairs = tokens * (window + 1) - half * (half + 1)
    forward = 4 * pairs * HEADS * HEAD_DIM
    return forward if phase == "forward" else 3 * forward


def measure(tokens: int, window: int, dtype_name: str, device: str) -> list[dict[str, Any]]:
    """Time all contenders in alternating blocks; return a row for each."""
    dtype = DTYPES[dtype_name]
    runs = runs_of(tokens, window, dtype, device)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    rates = []
    for number in range(ROUNDS):
        rates.append(matmul_rate(dtype, device))
        for key in list(runs) if number % 2 == 0 else reversed(list(runs)):
            once = timed(runs[key], device)
            for _ in range(max(2, int(SECONDS_PER_BLOCK / once))):
                times[key].append(timed(runs[key], device))
    rate = statistics.median(rates)
    rows = []
    for (name, phase), values in times.items():
        seconds = statistics.median(values)
        limit = operations(tokens, window, phase) / rate
        row = {"name": name, "phase": phase, "tokens": tokens, "window": window}
        row |= {"dtype": dtype_name, "ms": seconds * 1e3, "times_limit": seconds / limit}
        rows.append(row | {"matmul_gflops": rate / 1e9})
    return rows


def measure_memory(task: tuple[str, int, int, str, str]) -> float:
    """Return the peak in MiB that one contender adds to its inputs, in a child of its own."""
    name, tokens, window, phase, device = task
    if device == "cpu":
        return_freed_pages()
    compute = contenders(window, torch.float32, device)[name]
    make_run(compute, 300, torch.float32, device, phase)()
    run = make_run(compute, tokens, torch.float32, device, phase)
    memory = PeakMemory(device)
    memory.reset()
    run()
    return memory.read()


def main() -> None:
    """Measure, print the table, and store it with the machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    device = arguments.device
    torch.manual_seed(0)
    rows = []
    for dtype_name in DTYPES:
        for tokens in LENGTHS:
            for window in WINDOWS:
                print(f"{dtype_name}, {tokens} tokens, window {window}", flush=True)
                rows += measure(tokens, window, dtype_name, device)
    add_memory(rows, device)
    machine = cpu_name() if device == "cpu" else torch.cuda.get_device_name()
    stored = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine,
        "threads": available_threads(),
        "versions": library_versions(),
        "rows": rows,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    name = f"local_attention-{device}"
    (arguments.out / f"{name}.json").write_text(json.dumps(stored, indent=1) + "\n")
    (arguments.out / f"{name}.md").write_text(as_markdown(stored))
    plot(rows, arguments.out / f"{name}.png")
    print(as_markdown(stored))


def add_memory(rows: list[dict[str, Any]], device: str) -> None:
    """Add the peak of every float32 row."""
    context = start_server()
    for row in rows:
        if row["dtype"] == "float32":
            task = (row["name"], row["tokens"], row["window"], row["phase"], device)
            outcome = run_in_child(context, f"{__name__}:measure_memory", task, 300)
            row["peak_mib"] = outcome.value if outcome.kind == "ok" else None


def geometric_mean(values: list[float]) -> float:
    """Return the geometric mean."""
    return statistics.geometric_mean(values)


def as_markdown(stored: dict[str, Any]) -> str:
    """Return the targets and the whole table."""
    rows = stored["rows"]
    lines = [
        ", ".join(str(stored[name]) for name in ("machine", "date", "versions"))
        + f", {stored['threads']} threads.",
        "",
        *targets(rows),
        "",
        "| dtype | tokens | window | phase | contender | ms | times the limit | peak MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        memory = "" if row.get("peak_mib") is None else f"{row['peak_mib']:,.0f}"
        lines.append(
            f"| {row['dtype']} | {row['tokens']:,} | {row['window']} | {row['phase']} "
            f"| {row['name']} | {row['ms']:,.2f} | {row['times_limit']:.2f} | {memory} |"
        )
    return "\n".join(lines) + "\n"


def targets(rows: list[dict[str, Any]]) -> list[str]:
    """Return geometric means over lengths and windows: ours against the others and the limit."""
    lines = ["| local_blocked, geometric mean | forward | forward+backward |", "|---|---|---|"]
    for dtype in DTYPES:
        ours = {_place(r): r for r in rows if r["name"] == "local_blocked" and r["dtype"] == dtype}
        for other in ("longformer", "local-attention", "dense sdpa"):
            theirs = {_place(r): r for r in rows if r["name"] == other and r["dtype"] == dtype}
            cells = [
                _mean_of([theirs[p]["ms"] / ours[p]["ms"] for p in theirs if p[0] == phase])
                for phase in ("forward", "forward+backward")
            ]
            lines.append(f"| {dtype}: times as fast as {other} | {cells[0]} | {cells[1]} |")
        cells = [
            _mean_of([row["times_limit"] for place, row in ours.items() if place[0] == phase])
            for phase in ("forward", "forward+backward")
        ]
        lines.append(f"| {dtype}: times the limit | {cells[0]} | {cells[1]} |")
    return lines


def _place(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["phase"], row["tokens"], row["window"]


def _mean_of(values: list[float]) -> str:
    return f"{geometric_mean(values):.2f}" if values else "-"


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw time over length, one panel per dtype, phase and window."""
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys((r["dtype"], r["phase"], r["window"]) for r in rows))
    figure = Figure(figsize=(4 * len(panels) / 2, 7), layout="constrained")
    axes = figure.subplots(2, -(-len(panels) // 2), squeeze=False).flatten()
    for place, panel in zip(panels, axes, strict=False):
        mine = [r for r in rows if (r["dtype"], r["phase"], r["window"]) == place]
        for name in dict.fromkeys(r["name"] for r in mine):
            points = [(r["tokens"], r["ms"]) for r in mine if r["name"] == name]
            panel.plot(*zip(*points, strict=True), "o-", markersize=3, label=name)
        panel.set(xscale="log", yscale="log", title=f"{place[0]}, {place[1]}, window {place[2]}")
        panel.set_xlabel("tokens")
        panel.set_ylabel("ms")
        panel.grid(True, alpha=0.3)
    axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
