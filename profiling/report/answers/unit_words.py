"""In what answers count, where that is not what a sweep of their modality counts in."""

from collections.abc import Sequence

from lightning_modules.variants import VARIANTS
from profiling.analysis.points.axes import axis_unit, unit_of
from profiling.report.answers.verdicts import listed
from profiling.rows.columns import Row


def describe_unit(rows: Sequence[Row], beside_others: bool) -> str:
    """Say in what answers count, and why; empty where a reader would take it for nothing else.

    Args:
        rows: Answers of one modality that count in one unit.
        beside_others: Whether other answers of it count in another.
    """
    modality, unit = str(rows[0]["modality"]), unit_of(rows[0])
    if unit == axis_unit(modality):
        return f"in {unit}" if beside_others else ""
    return f"in {unit}: {'; '.join(_why_own_axis(modality, rows))}"


def _why_own_axis(modality: str, rows: Sequence[Row]) -> list[str]:
    """Return clauses: which tokens differ in length, and what the registry says of a variant."""
    registered = VARIANTS.get(modality, {})
    told: set[str] = set()
    ours: set[str] = set()
    theirs: set[str] = set()
    for row in rows:
        pair = str(row["efficient"]), str(row["vanilla"])
        reasons = {
            f"{name} {registered[name].axis_reason}"
            for name in pair
            if name in registered and registered[name].axis_reason
        }
        told |= reasons
        if not reasons:
            ours.add(pair[0])
            theirs.add(pair[1])
    models = [*sorted(ours), *sorted(theirs - ours)]
    tokens = [f"tokens of {listed(models)} differ in length"] if models else []
    return [*tokens, *sorted(told)]
