"""A small run as a sweep would leave it: crossing curves, noise, points that did not work."""

import json
import random
import re
import tempfile
from base64 import b64decode
from collections.abc import Iterable
from functools import cache
from gzip import decompress
from pathlib import Path
from typing import Any

from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.report.answers.sections import build_sections
from profiling.report.build import build_report
from profiling.report.material import Material
from profiling.report.page.rendering import render_page
from profiling.rows.columns import drawn_columns

Row = dict[str, Any]

FAILED = {column.name: None for column in drawn_columns()}
LENGTHS = {
    "text": (128, 256, 512, 1024, 2048, 4096),
    "speech": (99, 249, 499, 1499, 2999),
    "vision": (64, 128, 224, 384),
}
# Per contender: fixed, linear and quadratic cost in ms, for latency; memory follows the same form.
COSTS: dict[str, dict[tuple[str, str, int | None], tuple[float, float, float]]] = {
    "text": {
        ("bert", "eager", None): (2.0, 0.010, 1.6e-5),
        ("bert", "sdpa", None): (1.8, 0.010, 7.0e-6),
        ("longformer", "library", 512): (9.0, 0.026, 0.0),
        ("longformer", "mask_fixed", 512): (8.0, 0.023, 0.0),
        ("nystromformer", "library", None): (5.0, 0.019, 0.0),
        ("bigbird", "library", None): (30.0, 0.060, 0.0),
        ("local_bert", "local_masked", 128): (2.2, 0.011, 1.8e-5),
        ("local_bert", "local_blocked", 128): (1.9, 0.012, 0.0),
    },
    "speech": {
        ("hubert", "eager", None): (6.0, 0.050, 2.0e-5),
        ("hubert", "sdpa", None): (6.0, 0.048, 9.0e-6),
        ("lhubert", "local_masked", 100): (6.3, 0.052, 2.2e-5),
        ("lhubert", "local_blocked", 100): (5.8, 0.050, 0.0),
    },
    "vision": {
        ("vit", "eager", None): (3.0, 0.0, 2.5e-4),
        ("vit", "sdpa", None): (2.8, 0.0, 2.2e-4),
        ("swin", "eager", None): (7.0, 0.0, 1.9e-4),
        ("swin", "sdpa", None): (6.8, 0.0, 1.9e-4),
    },
}
VANILLA = {"text": "bert", "speech": "hubert", "vision": "vit"}
SHARED = {
    "batch_source": "synthetic",
    "device": "cpu",
    "device_name": "AMD EPYC 9R14",
    "threads": 2,
    "dropout": "none",
    "size": "small",
    "precision": "32",
    "checkpoint": None,
    "batch_size": 1,
}


# Kept until the tests end, then removed.
FOLDER = tempfile.TemporaryDirectory(prefix="sample-run-")


@cache
def sample_report() -> Path:
    """Return a run directory with the report of the sample rows, built once for all tests."""
    answers = sample_tipping_points()
    report_of(Path(FOLDER.name), sample_rows(), answers, sample_manifest())
    return Path(FOLDER.name)


def report_of(
    directory: Path,
    rows: list[Row],
    tipping_points: list[Row],
    manifest: Row,
    readings: Iterable[Row] = (),
) -> Path:
    """Build a report as the command does, and return its page."""
    sections = build_sections(tipping_points)
    material = Material.of(rows, tipping_points, sections, manifest, readings)
    return build_report(directory, material)


def page_of(
    rows: list[Row], tipping_points: list[Row], manifest: Row, readings: Iterable[Row] = ()
) -> str:
    """Return the page of a report, without its pictures and event files, which take longer."""
    sections = build_sections(tipping_points)
    return render_page(Material.of(rows, tipping_points, sections, manifest, readings))


def charts_of(page: str) -> list[dict[str, Any]]:
    """Return the charts that stand in a page."""
    found = re.search(r'id="charts">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(decompress(b64decode(found[1])))


def sample_rows() -> list[Row]:
    """Return three visits per point of every contender, in both phases."""
    noise = random.Random(7)
    return [
        _row(modality, contender, phase, length, visit, noise)
        for visit in range(3)
        for modality, contenders in COSTS.items()
        for length in LENGTHS[modality]
        for phase in ("inference", "training")
        for contender in contenders
    ]


def small_rows() -> list[Row]:
    """Return those of vision, of two visits."""
    return [row for row in sample_rows() if row["modality"] == "vision" and row["visit"] < 2]


def sample_manifest() -> Row:
    """Return a manifest with real length distributions beside the usual facts."""
    words = random.Random(3)
    tokens = sorted(min(int(words.lognormvariate(5.6, 0.8)) + 2, 3000) for _ in range(2000))
    frames = sorted(int(words.gauss(620, 240)) + 20 for _ in range(500) if words)
    return {
        "config": {"size": "small", "phases": ["inference", "training"], "seed": 0},
        "machine": {"cpu": "AMD EPYC 9R14", "cores": 2, "memory_gib": 23.0},
        "versions": {"torch": "2.11.0", "transformers": "5.23.0"},
        "commit": "0123456789ab",
        "seed": 0,
        "length_distributions": [
            _distribution("movie reviews", "text", "tokens", tokens),
            _distribution("meetings", "speech", "frames", [max(value, 30) for value in frames]),
        ],
    }


def sample_tipping_points(rows: list[Row] | None = None) -> list[Row]:
    """Return what the tipping point search says about the rows, by default the sample rows."""
    if rows is None:
        return [dict(row) for row in _answers_of_all()]
    return find_tipping_points(rows)


@cache
def _answers_of_all() -> list[Row]:
    return find_tipping_points(sample_rows())


def _row(
    modality: str,
    contender: tuple[str, str, int | None],
    phase: str,
    length: int,
    visit: int,
    noise: random.Random,
) -> Row:
    variant, implementation, window = contender
    row: Row = {
        **SHARED,
        "key": f"{modality}-{variant}-{implementation}-{phase}-{length}",
        "visit": visit,
        "modality": modality,
        "variant": variant,
        "implementation": implementation,
        "attention_window": window,
        "phase": phase,
        "sequence_length": (length // 16) ** 2 + 1 if modality == "vision" else length,
        "effective_sequence_length": length,
        "input_size": length if modality == "vision" else None,
        "status": "ok",
        "error": None,
        "blocks": 5,
        "flops": None,
        "components": None,
        "parameters": 15_000_000,
    }
    problem = _problem(variant, implementation, phase, length, visit)
    if problem:
        row["status"], row["error"] = problem
        return row
    return row | _numbers(COSTS[modality][contender], phase, length, noise)


def _problem(
    variant: str, implementation: str, phase: str, length: int, visit: int
) -> tuple[str, str] | None:
    if variant == "bigbird" and length <= 704:
        return "skipped", "bigbird takes 705 and more: its sparse path needs 11 blocks of 64"
    if (variant, implementation, phase, length) == ("bert", "eager", "training", 4096):
        return "oom", "memory budget of 4 GiB exceeded"
    if (variant, length, phase, visit) == ("nystromformer", 256, "training", 2):
        return "error", "the measuring process ended with signal 9"
    return None


def _numbers(
    cost: tuple[float, float, float], phase: str, length: int, noise: random.Random
) -> Row:
    factor = 3.1 if phase == "training" else 1.0
    clean = (cost[0] + cost[1] * length + cost[2] * length**2) * factor
    latency = clean * noise.lognormvariate(0, 0.03)
    samples_per_s = 1450.0 / latency * noise.lognormvariate(0, 0.02)
    memory = (40 + length * 0.05 + cost[2] * length**2 * 4 + cost[0]) * factor
    return {
        "latency_ms": latency,
        "latency_ms_p10": latency * 0.97,
        "latency_ms_p90": latency * 1.06,
        "latency_ms_samples": [latency * noise.lognormvariate(0, 0.02) for _ in range(5)],
        "throughput_samples_per_s": samples_per_s,
        "throughput_tokens_per_s": samples_per_s * length,
        "throughput_batch_size": 4,
        "largest_batch_size": 32,
        "peak_memory_mib": 60 + memory * noise.lognormvariate(0, 0.004),
        "memory_above_weights_mib": memory,
        "others_cpu_share": 0.01,
    }


def _distribution(name: str, modality: str, unit: str, lengths: list[int]) -> Row:
    values = sorted(set(lengths))
    counts = [lengths.count(value) for value in values]
    return {
        "name": name,
        "modality": modality,
        "unit": unit,
        "count": len(lengths),
        "values": values,
        "counts": counts,
        "source": "made up for the tests",
    }
