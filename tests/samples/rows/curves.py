"""Hand-written measurements of two variants, and the tipping points found in them."""

from collections.abc import Mapping
from typing import Any

from profiling.analysis.answers.finding_comparisons import Opponent
from profiling.analysis.answers.tipping_points import find_tipping_points

Row = dict[str, Any]
Values = Mapping[int, float | str | None]
OPPONENTS = {
    "longformer": Opponent("bert", "library"),
    "local_bert": Opponent("bert", "local_masked"),
}
COLUMNS = {
    "latency": "latency_ms",
    "throughput": "throughput_samples_per_s",
    "memory": "peak_memory_mib",
}
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
# Three visits in which the two sides never move together, so that there is noise: 1 % or so.
WOBBLE = {"bert": (1.00, 1.01, 0.99), "longformer": (1.01, 1.00, 0.99)}


def rows_of(
    variant: str,
    values: Values,
    metric: str = "latency",
    wobble: tuple[float, ...] | None = None,
    **fields: Any,
) -> list[Row]:
    """Return the visits of one variant; a text instead of a value is a status."""
    rows = []
    for length, value in values.items():
        for visit, factor in enumerate(wobble or WOBBLE[variant]):
            row: Row = {
                "key": f"{variant}-{length}",
                "visit": visit,
                "status": value if isinstance(value, str) else "ok",
                "modality": "text",
                "phase": "inference",
                "size": "small",
                "precision": "32-true",
                "device": "cpu",
                "device_name": "a processor",
                "variant": variant,
                "implementation": "eager" if variant == "bert" else "library",
                "attention_window": None if variant == "bert" else 512,
                "sequence_length": length,
                COLUMNS[metric]: value * factor if isinstance(value, float) else None,
            }
            rows.append(row | fields)
    return rows


def find(rows: list[Row], comparison: str = "like_for_like", **wanted: Any) -> list[Row]:
    """Return the tipping points of one comparison by the hand-written facts."""
    found = find_tipping_points(rows, opponents=lambda _: OPPONENTS)
    wanted["comparison"] = comparison
    return [row for row in found if all(row[name] == value for name, value in wanted.items())]


def find_one(vanilla: Values, efficient: Values) -> Row:
    """Return the only tipping point of two latency curves."""
    (row,) = find(rows_of("bert", vanilla) + rows_of("longformer", efficient))
    return row


def judge(*ratios: float) -> Row:
    """Return the tipping point for these cost ratios at the first lengths."""
    lengths = LENGTHS[: len(ratios)]
    efficient = {length: 10 * ratio for length, ratio in zip(lengths, ratios, strict=True)}
    return find_one(dict.fromkeys(lengths, 10.0), efficient)


def outcomes(row: Row) -> list[str]:
    """Return win, tie or lose at each length."""
    return [item["outcome"] for item in row["lengths"]]
