"""Components for the rows of the sample run, as a breakdown would leave them."""

from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]
# The share of each component in what is not attention.
REST = {
    "attention_projection": 0.3,
    "feed_forward": 0.45,
    "norm_residual": 0.12,
    "embedding": 0.06,
    "head": 0.03,
    "other": 0.04,
}
EFFICIENT = 0.1
REFUSED = "the components add up to 130% of a step that was left alone, not 90% to 110%"


def with_components(rows: Iterable[Row]) -> list[Row]:
    """Return the rows with components: attention takes more of the plain models, and at length."""
    return [row | _fields(row) if row["status"] == "ok" else row for row in rows]


def without_closure(row: Row) -> Row:
    """Return the row with components that did not add up."""
    refused = {"components": None, "components_closure": 1.3, "components_error": REFUSED}
    return row | refused


def core_share(row: Row) -> float:
    """Return what attention takes of the step of a sample row."""
    length = row["input_size"] ** 2 / 256 if row["input_size"] else row["sequence_length"]
    share = length / (length + 1500)
    return share if row["attention_window"] is None else EFFICIENT * share + 0.03


def _fields(row: Row) -> Row:
    core = core_share(row)
    training = row["phase"] == "training"
    rest = dict(REST)
    if row["modality"] == "speech":
        rest["feature_encoder"] = rest.pop("embedding")
    optimiser = 0.08 if training else 0.0
    left = 1 - core - optimiser
    shares = {"attention_core": core, **{name: left * part for name, part in rest.items()}}
    passes = (0.35, 0.65) if training else (1.0, 0.0)
    components = {name: _part(share, row["latency_ms"], passes) for name, share in shares.items()}
    if training:
        components["optimiser"] = _part(optimiser, row["latency_ms"], (1.0, 0.0))
    return {"components": components, "components_closure": 1.01, "components_error": None}


def _part(share: float, latency_ms: float, passes: tuple[float, float]) -> dict[str, float]:
    forward, backward = (part * share * latency_ms for part in passes)
    return {"forward_ms": forward, "backward_ms": backward, "share": share}
