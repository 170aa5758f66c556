"""Simulated runs for advice: costs that follow a known law, with a noise of their own."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.advising.advice import find_advice
from profiling.advising.contenders import Wanted
from tests.samples.rows.comparisons import row

Law = Callable[[float], float]
LENGTHS = (64, 128, 256, 512, 1024, 2048)
THROUGHPUT = Wanted("throughput", batch_size=8)


def vanilla_law(tokens: float) -> float:
    """Return milliseconds per sample with full attention."""
    return 1.0 + 0.01 * tokens + 2e-5 * tokens**2


def linear_law(tokens: float) -> float:
    """Return milliseconds per sample of one that is linear, and dearer at first."""
    return 2.0 + 0.02 * tokens


def rows_of(
    variant: str, implementation: str, law: Law, noise: float = 0.002, seed: int = 0, **fields: Any
) -> list[dict[str, Any]]:
    """Return three visits at each length, at batch size 1 and 8; a step has 0.5 ms of its own."""
    chance = random.Random(f"{variant}{implementation}{seed}")
    return [
        row(
            variant,
            implementation,
            length,
            visit=visit,
            latency_ms=(0.5 + law(length)) * (factor := chance.lognormvariate(0, noise)),
            throughput_batch_size=8,
            throughput_samples_per_s=8000 / ((0.5 + 8 * law(length)) * factor),
            peak_memory_mib=50 + law(length),
            loaded_memory_mib=50.0,
        )
        | fields
        for visit in range(3)
        for length in LENGTHS
    ]


def keyed_rows_of(*arguments: Any, **fields: Any) -> list[dict[str, Any]]:
    """Return such rows with a key for each point, as a run directory has them."""
    rows = rows_of(*arguments, **fields)
    return [row | {"key": f"{row['variant']}-{row['sequence_length']}"} for row in rows]


def advise_run(
    rows: Sequence[dict[str, Any]], distribution: LengthDistribution, wanted: Wanted
) -> dict[str, Any]:
    """Return the answer of the advice, as `advise --json` prints it."""
    return find_advice(rows, distribution, wanted).answer


def lengths_around(middle: int, modality: str = "text") -> LengthDistribution:
    """Return a hundred samples between half and one and a half of a length."""
    chance = random.Random(middle)
    drawn = [round(middle * chance.uniform(0.5, 1.5)) for _ in range(100)]
    return LengthDistribution.from_lengths(drawn, "made up", modality, "nowhere")


# Vanilla for short inputs, local for long ones.
CROSSING = [
    *rows_of("bert", "sdpa", vanilla_law),
    *rows_of("local_bert", "local_blocked", linear_law, attention_window=32),
]
