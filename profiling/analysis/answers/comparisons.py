"""Two models under the same conditions, of which one is compared with the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profiling.analysis.points.groups import Points
from profiling.analysis.points.readings import MIN_VISITS, Efforts, answer_apart, read_column
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
        paddings: What the vanilla and the efficient one pad their tokens to a multiple of, in this
            order; None where nobody knows.
        attention_only: Whether the two differ in nothing but their attention.
    """

    kind: str
    conditions: Mapping[str, Any]
    vanilla: Model
    efficient: Model
    vanilla_points: Mapping[str, Points]
    efficient_points: Mapping[str, Points]
    efforts: Efforts
    paddings: tuple[int | None, int | None] = (None, None)
    attention_only: bool = False

    def sides(self, metric: str) -> dict[int, tuple[Side, Side]]:
        """Return (vanilla, efficient) at every length where either was tried, shortest first.

        Visits that neighbours disturbed on either side are left out where at least two others are
        common to both.
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
        met = _meet(chosen, lengths, metric)
        return met | dict.fromkeys(apart, (Side("missing", reason=OTHER_EFFORTS),) * 2)

    def was_tried(self, length: int, metric: str) -> bool:
        """Tell whether any kernel of either side was tried at a length, under any effort."""
        column = judged_columns()[metric]
        points = (*self.vanilla_points.values(), *self.efficient_points.values())
        return any(read_column(by.get(length, []), column).status != "missing" for by in points)


def _meet(
    chosen: tuple[Mapping[str, Points], Mapping[str, Points]], lengths: Sequence[int], metric: str
) -> dict[int, tuple[Side, Side]]:
    """Return both sides by length, from visits that nobody disturbed as long as two are common.

    Each side may have two such visits, and the two sides none together: neighbours that come and
    go are no reason to drop a length.
    """
    met = _best_of_both(chosen, lengths, metric)
    scarce = [length for length, sides in met.items() if _num_common(sides) < MIN_VISITS]
    if not scarce:
        return met
    every_visit = _best_of_both(chosen, lengths, metric, with_disturbed=True)
    more = [each for each in scarce if _num_common(every_visit[each]) > _num_common(met[each])]
    return met | {length: every_visit[length] for length in more}


def _best_of_both(
    chosen: tuple[Mapping[str, Points], Mapping[str, Points]],
    lengths: Sequence[int],
    metric: str,
    with_disturbed: bool = False,
) -> dict[int, tuple[Side, Side]]:
    vanilla, efficient = (best_sides(each, lengths, metric, with_disturbed) for each in chosen)
    return {length: (vanilla[length], efficient[length]) for length in lengths}


def _num_common(sides: tuple[Side, Side]) -> int:
    """Return in how many visits both have a cost."""
    vanilla, efficient = sides
    return len(vanilla.costs.keys() & efficient.costs.keys())
