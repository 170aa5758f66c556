"""Hand-written measurements of a plain variant and two efficient ones."""

from collections.abc import Mapping
from typing import Any

from profiling.analysis.answers.comparisons import Comparison
from profiling.analysis.answers.finding_comparisons import Opponent, find_comparisons

Row = dict[str, Any]
METRICS = ("latency_ms", "throughput_samples_per_s", "peak_memory_mib")
OPPONENTS = {"quick": Opponent("plain", "library"), "wide": Opponent("plain", "masked")}


def row(variant: str, implementation: str, length: int = 512, **fields: Any) -> Row:
    """Return one visit of a text point that took 10 ms, unless `fields` say otherwise."""
    given: Row = {
        "key": f"{variant}-{implementation}-{length}",
        "visit": 0,
        "status": "ok",
        "modality": "text",
        "phase": "inference",
        "size": "small",
        "precision": "32-true",
        "device": "cpu",
        "device_name": "a processor",
        "variant": variant,
        "implementation": implementation,
        "attention_window": None,
        "checkpoint": None,
        "sequence_length": length,
        "input_size": None,
        "latency_ms": 10.0,
        "latency_ms_samples": [10.0] * 6,
        "throughput_samples_per_s": 4.0,
        "peak_memory_mib": 100.0,
    }
    row = given | fields
    if row["status"] != "ok":
        row |= {name: None for name in METRICS if name not in fields}
    return row


def compare(rows: list[Row], *pairs: str) -> list[Comparison]:
    """Return the comparisons by the hand-written opponents."""
    return find_comparisons(rows, pairs, lambda _: OPPONENTS)


def visits(costs: Mapping[int, float], variant: str, implementation: str) -> list[Row]:
    """Return one row per visit."""
    return [
        row(variant, implementation, visit=visit, latency_ms=cost) for visit, cost in costs.items()
    ]
