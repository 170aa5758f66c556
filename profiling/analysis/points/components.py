"""Where the time of a step goes, by component, over the visits of a point."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from profiling.analysis.points.groups import Contender, Group, Points, group_rows, rank
from profiling.analysis.points.readings import finite
from profiling.rows.columns import Row, effort_of

CORE = "attention_core"
# The components of a model's layers, and those around them: what no token adds to is in neither.
IN_LAYERS = (CORE, "attention_projection", "feed_forward", "norm_residual")
AROUND_LAYERS = ("embedding", "feature_encoder", "head")
# Implementations that compute no padding in any layer, however a batch arrives: what lies around
# the layers computes it. `local_varlen` packs in its attention alone.
PACKING = ("unpadded",)
Parts = dict[str, dict[str, float]]
"""By component: the medians of its numbers over the visits that have them."""


@dataclass(frozen=True)
class ComponentCurve:
    """The components of one contender by length, shortest first.

    Args:
        group: Its modality, phase and conditions.
        contender: What was broken down.
        points: The components at each length where some visit was broken down and closed.
        refused: Why components are not shown, by length, where none closed.
    """

    group: Group
    contender: Contender
    points: Mapping[int, Parts]
    refused: Mapping[int, str]


def component_curves(rows: Iterable[Row]) -> list[ComponentCurve]:
    """Return the components of everything that was broken down, in order of modality and phase."""
    curves = [
        ComponentCurve(group, contender, _known(points), _refused(points))
        for group, contenders in group_rows(rows).items()
        for contender, points in contenders.items()
    ]
    shown = [curve for curve in curves if curve.points or curve.refused]
    return sorted(shown, key=lambda c: (rank(c.group.modality), rank(c.group.phase)))


def broken_down(visits: Sequence[Row]) -> list[Row]:
    """Return the visits of a point that have components, of the newest effort that has any."""
    told = [row for row in visits if isinstance(row.get("components"), Mapping)]
    return [row for row in told if effort_of(row) == effort_of(told[-1])]


def read_components(visits: Sequence[Row]) -> Parts:
    """Return the medians of what the visits of a point say of components; empty without any.

    Rows of two efforts never mix: the newest one counts that has components.
    """
    told = [row["components"] for row in broken_down(visits)]
    names = dict.fromkeys(name for components in told for name in components)
    return {name: _medians([one[name] for one in told if name in one]) for name in names}


def attention_share(visits: Sequence[Row]) -> float | None:
    """Return the share of the step that attention itself takes; None where nobody knows."""
    return read_components(visits).get(CORE, {}).get("share")


def attention_shares(visits: Sequence[Row]) -> list[float]:
    """Return the share of the step that attention takes in each visit that knows it."""
    told = [row["components"] for row in broken_down(visits)]
    shares = [finite(found.get(CORE, {}).get("share")) for found in told]
    return [share for share in shares if share is not None]


def share_around_layers(visits: Sequence[Row]) -> float | None:
    """Return the share of what lies around the layers, of that and the layers; None if unknown."""
    parts = read_components(visits)
    around, within = (
        sum(parts.get(name, {}).get("share", 0.0) for name in names)
        for names in (AROUND_LAYERS, IN_LAYERS)
    )
    return around / (around + within) if around + within > 0 else None


def _medians(parts: Sequence[Any]) -> dict[str, float]:
    fields = dict.fromkeys(name for part in parts for name in part)
    values = {
        name: [value for part in parts if (value := finite(part.get(name))) is not None]
        for name in fields
    }
    return {name: median(known) for name, known in values.items() if known}


def _known(points: Points) -> dict[int, Parts]:
    found = {length: read_components(points[length]) for length in sorted(points)}
    return {length: parts for length, parts in found.items() if parts}


def _refused(points: Points) -> dict[int, str]:
    reasons = {
        length: next((str(row["components_error"]) for row in visits if _is_refused(row)), "")
        for length, visits in sorted(points.items())
        if not read_components(visits)
    }
    return {length: reason for length, reason in reasons.items() if reason}


def _is_refused(row: Row) -> bool:
    return bool(row.get("components_error"))
