"""The tables of the page: noise, points without a number, all rows; imports no torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from profiling.analysis.curves import METRICS, Curve, axis_of, axis_unit, family_of, finite
from profiling.rows.columns import Row

# Heading and column of the table of all measurements; the length is the one on the axis.
ROW_COLUMNS = {
    "modality": "modality",
    "variant": "variant",
    "implementation": "implementation",
    "window": "attention_window",
    "phase": "phase",
    "length": "length",
    "computed on": "effective_sequence_length",
    "visit": "visit",
    "status": "status",
    "latency ms": "latency_ms",
    "p10": "latency_ms_p10",
    "p90": "latency_ms_p90",
    "samples/s": "throughput_samples_per_s",
    "tokens/s": "throughput_tokens_per_s",
    "at batch": "throughput_batch_size",
    "largest batch": "largest_batch_size",
    "peak MiB": "peak_memory_mib",
    "above weights MiB": "memory_above_weights_mib",
    "size": "size",
    "precision": "precision",
    "device": "device_name",
}


@dataclass(frozen=True)
class Noise:
    """How far the visits of a point lie apart, as shares of their median."""

    modality: str
    phase: str
    metric: str
    num_points: int
    typical: float
    worst: float
    worst_where: str


@dataclass(frozen=True)
class Problem:
    """Points without a number, for one reason."""

    modality: str
    phase: str
    name: str
    status: str
    lengths: str
    reason: str


def find_noise(curves: Iterable[Curve]) -> list[Noise]:
    """Return the spread between visits per modality, phase and metric; none for single visits."""
    spreads: dict[tuple[str, str, str], list[tuple[float, str]]] = {}
    for curve in curves:
        for metric in METRICS:
            for point in curve.measured(metric):
                spread = point.values[metric]
                if spread.num_visits < 2 or spread.low is None or spread.high is None:
                    continue
                place = f"{curve.contender.label}, {point.length:,} {axis_unit(curve.modality)}"
                share = (spread.high - spread.low) / spread.median if spread.median else 0.0
                key = (curve.modality, curve.phase, metric)
                spreads.setdefault(key, []).append((share, place))
    return [
        Noise(*key, len(found), median(share for share, _ in found), *max(found))
        for key, found in spreads.items()
    ]


def find_problems(rows: Iterable[Row]) -> list[Problem]:
    """Return what did not give a number, points with the same reason together."""
    groups: dict[tuple[str, str, str, str, str], set[int]] = {}
    for row in rows:
        if row.get("status") == "ok":
            continue
        window = row.get("attention_window")
        name = f"{family_of(str(row.get('variant')), window)} {row.get('implementation')}"
        words = (str(row.get(part) or "") for part in ("modality", "phase", "status", "error"))
        modality, phase, status, reason = words
        length = finite(row.get(axis_of(modality)))
        lengths = groups.setdefault((modality, phase, name, status, reason), set())
        lengths |= set() if length is None else {int(length)}
    return [
        Problem(modality, phase, name, status, _listed(lengths), reason)
        for (modality, phase, name, status, reason), lengths in groups.items()
    ]


def tabulate_rows(rows: Iterable[Row]) -> list[list[str]]:
    """Return every measurement row as text cells, in the order of `ROW_COLUMNS`."""
    return [[_cell(row, column) for column in ROW_COLUMNS.values()] for row in rows]


def _cell(row: Row, column: str) -> str:
    name = axis_of(str(row.get("modality"))) if column == "length" else column
    value: Any = row.get(name)
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    number = finite(value)
    if number is None:
        return str(value)
    return f"{number:,.0f}" if number >= 1000 else f"{number:.4g}"


def _listed(lengths: set[int]) -> str:
    return ", ".join(f"{length:,}" for length in sorted(lengths))
