"""What does a step cost whose length is new?

    python benchmarks/inputs/new_lengths.py [--size tiny]

On a CPU oneDNN compiles a convolution for the shape of its input. Recordings have all lengths, so a
step may compile as much as it computes. L-HuBERT walks twice through recordings of different
lengths, one per step, in fresh processes:

- as it was: every length as it comes, a cache of a thousand compiled operations;
- as it is: lengths of the later convolutions filled up to a few, and a larger cache.

The floor is a step whose length was computed just before. Two minutes on two cores at size tiny.
"""

import argparse
import os
import random
import resource
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.mistakes import in_one_sentence
from lightning_modules.sizes import SIZES
from profiling.children.crew import Children
from profiling.rows.machine import available_threads, cpu_name, library_versions

NUM_LENGTHS, SHORTEST, LONGEST = 60, 150, 1500  # frames of 20 ms
ROUNDS = 3
# Lengths per octave, and how many compiled operations are kept.
WAYS = {"as it was": (2**30, 1024), "as it is": (8, 8192)}


def walk(task: dict[str, Any]) -> dict[str, float]:
    """Walk through the lengths in a child; return milliseconds per step and MiB."""
    os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = str(task["capacity"])
    from benchmarks.measuring.bare import bare_step
    from datamodules.modalities.synthetic import SyntheticSpeech
    from lightning_modules.allocator import keep_freed_memory
    from lightning_modules.lhubert import features
    from lightning_modules.variants import build_module
    from profiling.measuring.process_limits import set_threads

    keep_freed_memory()
    set_threads(available_threads())
    features.LENGTHS_PER_OCTAVE = task["per_octave"]
    module: Any = build_module(
        "speech", "lhubert", size=task["size"], attention_window=100, max_length=LONGEST
    )
    module.train(task["phase"] == "training")
    optimizer, data = module.configure_optimizers(), SyntheticSpeech()
    chance = random.Random(0)
    lengths = [chance.randint(SHORTEST, LONGEST) for _ in range(NUM_LENGTHS)]

    def step(frames: int) -> float:
        return 1e3 * bare_step(module, optimizer, data.batch_at(frames, 1), task["phase"])

    for _ in range(3):
        step(LONGEST)
    first, second = ([step(frames) for frames in lengths] for _ in range(2))
    floor = [[step(frames) for _ in range(2)][1] for frames in lengths]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = zip(("first", "second", "floor"), (first, second, floor), strict=True)
    return {name: statistics.fmean(times) for name, times in found} | {"peak": peak}


@in_one_sentence
def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="tiny", choices=SIZES, help="size of the model")
    size = parser.parse_args().size
    children = Children()
    where = f"{cpu_name()}, {available_threads()} threads, {library_versions()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {where}")
    print("| phase | | first time, ms | second time, ms | length just before, ms | peak, MiB |")
    print("|---|---|---|---|---|---|")
    for phase in ("training", "inference"):
        found: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
        for _ in range(ROUNDS):
            for name, (per_octave, capacity) in WAYS.items():
                task = {
                    "size": size,
                    "phase": phase,
                    "per_octave": per_octave,
                    "capacity": capacity,
                }
                found[name].append(children.ask("benchmarks.inputs.new_lengths:walk", task))
        for name, rounds in found.items():
            middle = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
            print(f"| {phase} | {name} | {' | '.join(f'{v:.0f}' for v in middle.values())} |")


if __name__ == "__main__":
    sys.exit(main())
