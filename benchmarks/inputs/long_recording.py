"""Time and peak memory of one long recording through L-HuBERT.

    python benchmarks/inputs/long_recording.py --minutes 10 [--implementation local_compiled]

Noise of that length goes through it in one pass; the states of every layer are handed over and
reduced to their mean.
"""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch

from benchmarks.mistakes import in_one_sentence
from lightning_modules.lhubert import encode_recording
from lightning_modules.models.speech.lhubert import LHubertModule
from lightning_modules.sizes import SIZES
from profiling.instruments.memory import PeakMemory, return_freed_pages
from profiling.measuring.tasks import describe_cuda
from profiling.rows.machine import available_threads, cpu_name, library_versions

SAMPLES_PER_MINUTE = 60 * 16_000


@in_one_sentence
def main() -> None:
    """Encode, and print one line of a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--size", default="base", choices=SIZES)
    parser.add_argument("--attention_window", type=int, default=100)
    parser.add_argument("--implementation", default="local_blocked")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments = parser.parse_args()
    device = arguments.device
    name = cpu_name() if device == "cpu" else describe_cuda()["name"]
    torch.manual_seed(0)
    if device == "cpu":
        return_freed_pages()
    memory = PeakMemory(device)
    module = LHubertModule(
        size=arguments.size,
        attention_window=arguments.attention_window,
        implementation=arguments.implementation,
    )
    model = module.model.eval().to(device)
    memory.loaded()
    waveform = torch.randn(int(arguments.minutes * SAMPLES_PER_MINUTE), device=device)
    sums: dict[int, torch.Tensor] = {}

    def add_up(layer: int, first_frame: int, hidden: torch.Tensor) -> None:
        total = hidden.double().sum(0)
        sums[layer] = sums[layer] + total if layer in sums else total

    encode_recording(model, waveform[:32_000], add_up)  # the warm-up
    sums.clear()
    memory.reset()  # waits for a GPU, as `read` does
    begin = time.perf_counter()
    frames = len(encode_recording(model, waveform, add_up))
    peak = memory.read()
    seconds = time.perf_counter() - begin
    print(f"{name}, {available_threads()} threads, {datetime.now(UTC):%Y-%m-%d}")
    print(library_versions())
    told = {
        "size": arguments.size,
        "kernel": arguments.implementation,
        "window": f"{arguments.attention_window}",
        "minutes": f"{arguments.minutes:g}",
        "frames": f"{frames:,}",
        "seconds": f"{seconds:,.0f}",
        "x real time": f"{arguments.minutes * 60 / seconds:.1f}",
        "peak GiB": f"{peak / 1024:.2f}",
        "above weights": f"{(peak - memory.weights_mib) / 1024:.2f}",
    }
    for cells in (told, ["---"] * len(told), told.values()):
        print(f"| {' | '.join(cells)} |")
    assert len(sums) == model.config.num_hidden_layers + 1


if __name__ == "__main__":
    sys.exit(main())
