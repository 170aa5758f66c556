"""Components and ceilings for TensorBoard: scalars by length, and charts of several tags."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from profiling.analysis.points.components import ComponentCurve
from profiling.analysis.points.groups import Contender, Setting, free_name, safe_name
from profiling.report.ceilings import ceilings_of_row
from profiling.report.charts.component_looks import in_order
from profiling.report.charts.inputs import comparison_choice
from profiling.report.palette import vanilla_family
from profiling.rows.columns import Row

SHARE, CEILING = "component_share", "ceiling"
Place = tuple[Setting, str, Contender]
"""What makes a run: setting, modality and contender."""


@dataclass(frozen=True)
class Scalar:
    """One point of a curve."""

    tag: str
    value: float
    length: int
    about: str


def by_place(components: Iterable[ComponentCurve]) -> dict[Place, list[ComponentCurve]]:
    """Return components by the run that they belong to."""
    found: dict[Place, list[ComponentCurve]] = {}
    for curve in components:
        place = (curve.group.setting, curve.group.modality, curve.contender)
        found.setdefault(place, []).append(curve)
    return found


def component_scalars(components: Iterable[ComponentCurve]) -> Iterator[Scalar]:
    """Return the share of each component of a run."""
    for curve in components:
        for length, parts in curve.points.items():
            for name in in_order(parts):
                if (share := parts[name].get("share")) is not None:
                    tag = f"{curve.group.modality}/{curve.group.phase}/{SHARE}/{name}"
                    yield Scalar(tag, share, length, "Of the step; a step is a length.")


def ceiling_scalars(rows: Iterable[Row]) -> dict[str, list[Scalar]]:
    """Return the ceiling by the name of a run: one per vanilla variant and kind of comparison."""
    rows = list(rows)
    settings = {Setting.of(row) for row in rows}
    # Collected by what they are: names that differ may be alike as names of folders.
    found: dict[tuple[str, str, Setting], dict[tuple[str, int], float]] = {}
    for row in rows:
        place = (vanilla_family(row), comparison_choice(row), Setting.of(row))
        tag = f"{row['modality']}/{row['phase']}/{CEILING}"
        for length, ceiling in ceilings_of_row(row).items():
            found.setdefault(place, {})[tag, length] = ceiling
    runs: dict[str, list[Scalar]] = {}
    for (vanilla, choice, setting), points in found.items():
        words = [vanilla, choice, setting.describe(settings) if len(settings) > 1 else ""]
        name = f"{CEILING}-{safe_name('-'.join(filter(None, words)))}"
        runs[free_name(name, runs)] = [
            Scalar(tag, value, length, "The most that any attention could save; by length.")
            for (tag, length), value in sorted(points.items())
        ]
    return runs
