"""What do local kernels save in ModernBERT?

    python benchmarks/kernels/modernbert.py [--size base]

The library's encoder with its windows as it ships them, masks over all pairs of tokens under
`eager` and `sdpa`, against the same encoder after `localize(model, None, kernel)`: equal weights,
outputs compared, no head. Forward, and forward with backward, of one text; runs of all kernels
alternate, so that drift hits all, in a process that keeps the memory that it frees. Memory is the
peak above the weights of a process of its own, which does not.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch
from torch import Tensor
from transformers import ModernBertConfig, ModernBertModel

from benchmarks.keeping import add_out, keep
from benchmarks.kernels.attention_kernels import HEAP_BYTES, PHASES
from benchmarks.kernels.clocks import Run, time_alternating, why_not
from benchmarks.kernels.modernbert_tables import as_markdown
from benchmarks.mistakes import in_one_sentence
from lightning_modules.allocator import keep_freed_memory, take_and_free
from lightning_modules.attention.interface import choose_kernel, localize
from lightning_modules.models.text.modernbert import TOKEN_IDS
from lightning_modules.sizes import MODERNBERT_SIZES
from profiling.children.server import run_in_child, start_server
from profiling.instruments.memory import PeakMemory, return_freed_pages
from profiling.rows.machine import available_threads, cpu_name, library_versions

LENGTHS = [512, 1024, 2048, 4096, 8192]
KERNELS = ("eager", "sdpa", "local_blocked", "local_compiled")
# Unfused attention holds every pair of tokens several times: more of them than fit.
LONGEST = {("eager", "forward"): 4096, ("eager", "forward+backward"): 2048}
NUM_TOKEN_IDS = 1000  # few, because no head predicts them
ROUNDS = 3
SECONDS_OF_MEMORY = 900
WITHOUT_IDS = dict.fromkeys(TOKEN_IDS)  # the published ones are outside so few


def build_encoder(kernel: str, size: str) -> Any:
    """Build the encoder with a kernel; all have the same weights."""
    torch.manual_seed(0)
    fields: dict[str, Any] = WITHOUT_IDS | MODERNBERT_SIZES[size].fields
    config = ModernBertConfig(vocab_size=NUM_TOKEN_IDS, pad_token_id=0, **fields)
    model = ModernBertModel(config)
    if kernel.startswith("local_"):
        return localize(model, None, kernel)
    choose_kernel(model, kernel)
    return model


def make_run(model: Any, tokens: int, phase: str) -> Run:
    """Return a forward pass, or one with the backward pass, of one text."""
    ids = torch.randint(1, NUM_TOKEN_IDS, (1, tokens), generator=torch.Generator().manual_seed(0))

    def forward() -> Tensor:
        hidden: Tensor = model(ids).last_hidden_state
        return hidden

    def both() -> None:
        model.zero_grad(set_to_none=True)
        forward().sum().backward()

    return torch.inference_mode()(forward) if phase == "forward" else both


def is_measured(kernel: str, phase: str, tokens: int) -> bool:
    """Tell whether a kernel holds so many tokens."""
    return tokens <= LONGEST.get((kernel, phase), tokens)


def measure(models: dict[str, Any], tokens: int) -> list[dict[str, Any]]:
    """Time all kernels and phases at one length; return a row for each."""
    runs = {
        (kernel, phase): make_run(model, tokens, phase)
        for kernel, model in models.items()
        for phase in PHASES
        if is_measured(kernel, phase, tokens)
    }
    expected = runs["sdpa", "forward"]()
    rows = []
    for (kernel, phase), seconds in time_alternating(runs, "cpu", ROUNDS).items():
        row = {"kernel": kernel, "phase": phase, "tokens": tokens, "ms": seconds * 1e3}
        if phase == "forward":
            difference = (runs[kernel, phase]() - expected).abs().max() / expected.abs().max()
            row["difference"] = difference.item()
        rows.append(row)
    return rows


def measure_memory(task: tuple[str, str, int, str]) -> float:
    """Return the peak in MiB above the weights, in a child of its own."""
    kernel, size, tokens, phase = task
    return_freed_pages()
    memory = PeakMemory("cpu")
    run = make_run(build_encoder(kernel, size), tokens, phase)
    memory.loaded()
    run()  # reads in libraries
    memory.reset()
    run()
    return memory.read() - memory.weights_mib


def add_memory(rows: list[dict[str, Any]], size: str) -> None:
    """Add to each row the peak of its run; null where it failed."""
    context = start_server()
    for row in rows:
        task = (row["kernel"], size, row["tokens"], row["phase"])
        outcome = run_in_child(
            context, "benchmarks.kernels.modernbert:measure_memory", task, SECONDS_OF_MEMORY
        )
        row["peak_mib"] = outcome.value if outcome.kind == "ok" else None


@in_one_sentence
def main() -> None:
    """Measure, print the tables, and store everything with the machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="wide", choices=list(MODERNBERT_SIZES))
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    add_out(parser)
    arguments = parser.parse_args()
    is_kept = keep_freed_memory()
    if is_kept:
        take_and_free(HEAP_BYTES)
    models = {kernel: build_encoder(kernel, arguments.size) for kernel in KERNELS}
    refused = {kernel: why_not(make_run(model, 512, "forward")) for kernel, model in models.items()}
    models = {kernel: model for kernel, model in models.items() if refused[kernel] is None}
    rows = []
    for tokens in arguments.lengths:
        print(f"{tokens:,} tokens", flush=True)
        rows += measure(models, tokens)
    add_memory(rows, arguments.size)
    stored = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": cpu_name(),
        "threads": available_threads(),
        "versions": library_versions(),
        "allocator": "kept" if is_kept else "system",
        "size": arguments.size,
        "layers": MODERNBERT_SIZES[arguments.size].num_layers,
        "refused": {kernel: reason for kernel, reason in refused.items() if reason is not None},
        "rows": rows,
    }
    table = as_markdown(stored)
    keep(arguments.out, "modernbert", table, stored)
    print(table)


if __name__ == "__main__":
    sys.exit(main())
