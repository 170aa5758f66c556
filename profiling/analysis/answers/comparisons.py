"""Two models under the same conditions, of which one is compared with the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from profiling.analysis.points.groups import Points
from profiling.analysis.points.readings import Efforts, answer_apart
from profiling.analysis.points.sides import Side, best_sides
from profiling.rows.columns import judged_columns

OTHER_EFFORTS = "the two were never measured with the same effort"


@dataclass(frozen=True)
class Model:
    """A variant with its window and weights: what its implementations share."""

    variant: str
    attention_window: int | None = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Two models under the same conditions, each with one or more kernels.

    Args:
        kind: like_for_like, best_vs_best or pair.
        conditions: What all rows share, by column; the modality and the phase among them.
        vanilla: The one that the other is compared with.
        efficient: The other one.
        vanilla_points: Its visits by kernel and length.
        efficient_points: The other's.
        efforts: The efforts of all rows.
        padding: What the efficient one pads its tokens to a multiple of; None where unknown.
        attention_only: Whether the two differ in nothing but their attention.
    """

    kind: str
    conditions: Mapping[str, Any]
    vanilla: Model
    efficient: Model
    vanilla_points: Mapping[str, Points]
    efficient_points: Mapping[str, Points]
    efforts: Efforts
    padding: int | None = None
    attention_only: bool = False

    def sides(self, metric: str) -> dict[int, tuple[Side, Side]]:
        """Return (vanilla, efficient) at every length where either was tried, shortest first.

        Where both were measured, but never with one effort, both are missing for that reason.
        """
        both = (self.vanilla_points, self.efficient_points)
        lengths = sorted({length for points in both for by in points.values() for length in by})
        column = judged_columns()[metric]
        chosen: tuple[dict[str, Points], dict[str, Points]] = ({}, {})
        apart = set()
        for length in lengths:
            theirs, ours = ([by.get(length, []) for by in points.values()] for points in both)
            found = self.efforts.newest_of_both(theirs, ours, column)
            if not any(found) and answer_apart(theirs, ours, column):
                apart.add(length)
            visits = iter(found)
            for points, side in zip(both, chosen, strict=True):
                for kernel in points:
                    side.setdefault(kernel, {})[length] = next(visits)
        vanilla, efficient = (best_sides(points, lengths, metric) for points in chosen)
        met = {length: (vanilla[length], efficient[length]) for length in lengths}
        return met | dict.fromkeys(apart, (Side("missing", reason=OTHER_EFFORTS),) * 2)
