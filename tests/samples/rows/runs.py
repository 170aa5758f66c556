"""Run directories with made-up measurements, written as a sweep writes them."""

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.samples.rows.comparisons import row

Row = dict[str, Any]


def visits_of(latencies: Iterable[float], length: int = 512, **fields: Any) -> list[Row]:
    """Return one row per latency in ms, of one point."""
    return [
        row("bert", "sdpa", length, visit=visit, latency_ms=latency) | fields
        for visit, latency in enumerate(latencies)
    ]


def only_latency(rows: Iterable[Row]) -> list[Row]:
    """Return the rows without the other metrics."""
    others = dict.fromkeys(("throughput_samples_per_s", "peak_memory_mib"))
    return [each | others for each in rows]


def noisy_rows(seed: int, points: int = 60, visits: int = 3, slower: float = 1.0) -> list[Row]:
    """Return a run in which every point has a noise of its own, 1 to 5 % from visit to visit."""
    noise = random.Random(seed)
    return [
        row(
            "bert",
            "sdpa",
            length=100 + place,
            visit=visit,
            latency_ms=slower
            * (10 + place)
            * noise.lognormvariate(0, 0.01 + 0.04 * place / points),
            throughput_samples_per_s=noise.lognormvariate(0, 0.02) / slower,
            peak_memory_mib=(50 + place + noise.uniform(-0.3, 0.3)) * slower,
        )
        for visit in range(visits)
        for place in range(points)
    ]


def write_run(directory: Path, rows: Iterable[Row], **manifest: Any) -> Path:
    """Write a run directory."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(each) + "\n" for each in rows)
    (directory / "measurements.jsonl").write_text(lines)
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory
