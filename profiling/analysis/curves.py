"""From measurement rows to curves over the axis of a modality; imports no torch."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from statistics import median

from datamodules.modality import MODALITIES
from profiling.rows.columns import Row

PHASES = ("inference", "training")
# What the ratio of a tipping point row's lengths is a ratio of: a cost, so below 1 is better.
COSTS = {"latency": "time", "throughput": "time per sample", "memory": "memory"}
# The columns that are curves, with their units as a reader wants them.
METRICS = {
    "latency_ms": "ms",
    "throughput_samples_per_s": "samples/s",
    "throughput_tokens_per_s": "tokens/s",
    "peak_memory_mib": "MiB",
    "memory_above_weights_mib": "MiB",
}
# The metrics that have tipping points, and the column each is judged by.
JUDGED = {
    "latency": "latency_ms",
    "throughput": "throughput_samples_per_s",
    "memory": "peak_memory_mib",
}


@dataclass(frozen=True)
class Setting:
    """What every curve of one chart shares: different settings never share a chart."""

    size: str
    precision: str
    device: str
    device_name: str
    threads: str
    dropout: str
    batch_source: str
    memory_budget_gib: str
    max_batch_size: str

    @classmethod
    def of(cls, row: Row) -> "Setting":
        """Return the setting of a row of either kind; what the row lacks is an empty string."""
        return cls(*(_text(row.get(name)) for name in cls.__dataclass_fields__))

    def covers(self, row: Row) -> bool:
        """Tell whether nothing in a tipping point row contradicts this setting."""
        return all(
            row.get(name) is None or _text(row[name]) == getattr(self, name)
            for name in self.__dataclass_fields__
        )

    def describe(self, among: Iterable["Setting"] = ()) -> str:
        """Return it in a few words; given others, only in what tells it from them."""
        others = list(among)
        names = [
            name
            for name in self.__dataclass_fields__
            if not others or any(getattr(self, name) != getattr(other, name) for other in others)
        ]
        return ", ".join(self._word(name) for name in names if getattr(self, name))

    def _word(self, name: str) -> str:
        value = str(getattr(self, name))
        phrases = {
            "precision": f"precision {value}",
            "threads": f"{value} threads",
            "dropout": f"dropout {value}",
            "batch_source": f"{value} batches",
            "memory_budget_gib": f"{value} GiB budget",
            "max_batch_size": f"batches up to {value}",
        }
        return phrases.get(name, value)


@dataclass(frozen=True)
class Contender:
    """One line of a chart: a variant with its implementation, window and weights."""

    variant: str
    implementation: str
    attention_window: int | None
    checkpoint: str | None

    @property
    def family(self) -> str:
        """Return what all implementations of the same mathematics share."""
        return family_of(self.variant, self.attention_window, self.checkpoint)

    @property
    def label(self) -> str:
        """Return the name that a reader sees."""
        return f"{self.family} {self.implementation}"

    @property
    def folder(self) -> str:
        """Return a name that is safe as a folder."""
        parts = [self.variant, self.implementation]
        if self.attention_window:
            parts.append(f"w{self.attention_window}")
        if self.checkpoint:
            parts.append(PurePath(self.checkpoint).name)
        return safe_name("-".join(parts))


@dataclass(frozen=True)
class Spread:
    """One metric at one length over the visits.

    `low` and `high` span the visits or, with a single visit, its p10 to p90; null without either.
    """

    median: float
    low: float | None
    high: float | None
    num_visits: int


@dataclass(frozen=True)
class CurvePoint:
    """What is known at one length: a value per metric, or why there is none."""

    length: int
    status: str
    values: Mapping[str, Spread]
    reason: str


@dataclass(frozen=True)
class Curve:
    """The points of one contender in one phase and setting, shortest first."""

    modality: str
    phase: str
    setting: Setting
    contender: Contender
    points: tuple[CurvePoint, ...]

    def measured(self, metric: str) -> list[CurvePoint]:
        """Return the points that have a value of the metric."""
        return [point for point in self.points if metric in point.values]

    def out_of_memory(self, metric: str) -> list[CurvePoint]:
        """Return the points where memory ran out before the metric could be measured."""
        return [
            point for point in self.points if point.status == "oom" and metric not in point.values
        ]


def drawn_metrics(curves: Sequence[Curve]) -> dict[str, str]:
    """Return the judged metrics that have charts: what was not asked for would be empty ones."""
    return {
        judged: metric
        for judged, metric in JUDGED.items()
        if any(curve.measured(metric) or curve.out_of_memory(metric) for curve in curves)
    } or dict(JUDGED)


def family_of(variant: str, attention_window: int | None, checkpoint: str | None = None) -> str:
    """Return the name of a variant, with its window and its weights when it has them."""
    window = f" w{attention_window}" if attention_window else ""
    weights = f" ({PurePath(checkpoint).name})" if checkpoint else ""
    return f"{variant}{window}{weights}"


def axis_of(modality: str) -> str:
    """Return the column on which the variants of a modality are compared."""
    known = MODALITIES.get(modality)
    return known.axis if known else "sequence_length"


def axis_unit(modality: str) -> str:
    """Return the unit of that axis in the words of a chart."""
    known = MODALITIES.get(modality)
    return known.axis_unit if known else ""


def safe_name(text: str) -> str:
    """Return the text as one harmless path component."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip("._")[:100] or "unnamed"


def build_curves(rows: Iterable[Row]) -> list[Curve]:
    """Return all curves, in the order of modality, phase and first appearance."""
    groups: dict[tuple[str, str, Setting, Contender], dict[int, list[Row]]] = {}
    for row in rows:
        length = finite(row.get(axis_of(str(row.get("modality")))))
        if length is None or length <= 0:
            continue  # nowhere to draw it; the table of all rows still lists it
        identity = (str(row["modality"]), str(row["phase"]), Setting.of(row), _contender(row))
        groups.setdefault(identity, {}).setdefault(int(length), []).append(row)
    curves = [
        Curve(*identity, tuple(_point(length, visits[length]) for length in sorted(visits)))
        for identity, visits in groups.items()
    ]
    return sorted(curves, key=lambda curve: (rank(curve.modality), rank(curve.phase)))


def rank(word: str) -> int:
    """Return the place of a modality or phase in every listing; unknown words come last."""
    known = (*MODALITIES, *PHASES)
    return known.index(word) if word in known else len(known)


def spaced_lengths(lengths: Iterable[int]) -> list[int]:
    """Return those lengths that have room for a label on a log axis, the longest first of all."""
    ordered = sorted(set(lengths), reverse=True)
    if not ordered:
        return []
    gap = max((ordered[0] / ordered[-1]) ** (1 / 8), 1.15)
    kept = [ordered[0]]
    for length in ordered:
        if kept[-1] / length >= gap:
            kept.append(length)
    return kept[::-1]


def finite(value: object) -> float | None:
    """Return a number that can be drawn, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _contender(row: Row) -> Contender:
    return Contender(
        _text(row.get("variant")),
        _text(row.get("implementation")),
        row.get("attention_window"),
        row.get("checkpoint"),
    )


def _point(length: int, visits: list[Row]) -> CurvePoint:
    # Rows of an older key (another effort, say) than the last one do not count.
    visits = [row for row in visits if row.get("key") == visits[-1].get("key")]
    status = _status([str(row.get("status")) for row in visits])
    reasons = [str(row["error"]) for row in visits if row.get("error")]
    # A row counts for what it has, also when another metric of it failed.
    spreads = {name: _spread(name, visits) for name in METRICS}
    values = {name: spread for name, spread in spreads.items() if spread is not None}
    return CurvePoint(length, status, values, reasons[0] if reasons else "")


def _status(statuses: list[str]) -> str:
    """Return what holds for a point; out of memory half of the time is out of memory."""
    num_oom, num_ok = statuses.count("oom"), statuses.count("ok")
    if num_oom and num_oom >= num_ok:
        return "oom"
    return "ok" if num_ok else "skipped" if "skipped" in statuses else "error"


def _spread(metric: str, visits: list[Row]) -> Spread | None:
    good = [row for row in visits if finite(row.get(metric)) is not None]
    values = [float(row[metric]) for row in good]
    if not values:
        return None
    if len(values) > 1:
        return Spread(median(values), min(values), max(values), len(values))
    ends = [finite(good[0].get(f"{metric}_{quantile}")) for quantile in ("p10", "p90")]
    return Spread(values[0], ends[0], ends[1], 1)
