"""Which answers of a range are still wide, and where they want to be measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from profiling.analysis.answers.comparisons import Comparison, Model
from profiling.analysis.answers.duels import find_duels
from profiling.analysis.answers.finding_comparisons import find_comparisons
from profiling.analysis.answers.refining import Limits, Wish, find_wish
from profiling.planning.points import Point
from profiling.planning.ranges import Range
from profiling.planning.schedule import MEMORY_VISITS
from profiling.planning.settings import SweepSettings
from profiling.rows.columns import Row


@dataclass(frozen=True)
class Question:
    """An answer that is not narrow yet.

    Args:
        range: Where it is asked.
        wish: Where it wants to be measured.
        models: The two that it compares.
    """

    range: Range
    wish: Wish
    models: frozenset[Model]


def open_questions(
    chosen: Range, rows: Sequence[Row], visits: Mapping[int, int], settings: SweepSettings
) -> list[Question]:
    """Return the answers of one range that are wide and may become narrower.

    Lengths that were measured when the range was another one count, and get no further visit:
    there may be no batch of them.

    Args:
        chosen: The range.
        rows: What was measured in it.
        visits: How often each of its lengths was visited.
        settings: Of the sweep.
    """
    found = []
    visits = {**visits, **dict.fromkeys(visits.keys() - {*chosen.lengths}, settings.visits)}
    for comparison in find_comparisons(rows, settings.pairs):
        for metric in settings.metrics:
            wish = _wish(comparison, metric, visits, _limits(chosen, settings, metric))
            if wish is not None:
                models = frozenset({comparison.vanilla, comparison.efficient})
                found.append(Question(chosen, wish, models))
    return found


def points_for(questions: Sequence[Question], length: int) -> list[Point]:
    """Return what one visit of a length has to measure for the open questions of a range.

    All implementations of a model are measured together, or the best of them would be unknown.
    """
    wanted = frozenset[Model]().union(*(question.models for question in questions))
    return [
        point
        for point in questions[0].range.at(length)
        if not point.skip_reason
        and Model(point.variant, point.attention_window, point.checkpoint) in wanted
    ]


def _limits(chosen: Range, settings: SweepSettings, metric: str) -> Limits:
    visits = min(settings.visits, MEMORY_VISITS) if metric == "memory" else settings.visits
    return Limits(visits, settings.target_factor, chosen.middle)


def _wish(
    comparison: Comparison, metric: str, visits: Mapping[int, int], limits: Limits
) -> Wish | None:
    duels = find_duels(comparison.sides(metric))
    known = {duel.length for duel in duels}
    in_vain = dict.fromkeys(_measured(comparison) - known, limits.visits)
    return find_wish(comparison, duels, metric, {**visits, **in_vain}, limits)


def _measured(comparison: Comparison) -> set[int]:
    """Return the lengths at which both sides were tried."""
    sides = (comparison.vanilla_points, comparison.efficient_points)
    tried = ({length for points in by.values() for length in points} for by in sides)
    return set.intersection(*tried)
