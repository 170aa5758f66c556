"""Which answers of a range are still wide, and where they want to be measured."""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass

from profiling.analysis.answers.comparisons import Comparison, Model
from profiling.analysis.answers.duels import find_duels
from profiling.analysis.answers.finding_comparisons import find_comparisons
from profiling.analysis.answers.next_length import Limits
from profiling.analysis.answers.refining import Wish, find_wish
from profiling.planning.points import Point
from profiling.planning.ranges import Range
from profiling.planning.settings import SweepSettings
from profiling.planning.side_by_side import Earlier, Visited, num_common, visited_in
from profiling.planning.visits import MEMORY_VISITS
from profiling.sweeping.made import Made


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
    chosen: Range, made: Sequence[Made], settings: SweepSettings, earlier: Earlier
) -> list[Question]:
    """Return the answers of one range that are wide and may become narrower.

    Args:
        chosen: The range.
        made: The visits that were made in it.
        settings: Of the sweep.
        earlier: What was there when the sweep began.
    """
    found = []
    counted = visited_in(one.row for one in made) - earlier.in_vain
    lengths = {one.visit.point.length for one in made}
    for comparison in find_comparisons([one.row for one in made], settings.pairs):
        models = frozenset({comparison.vanilla, comparison.efficient})
        visits = {
            length: _num_visits(chosen, models, length, counted, settings.visits)
            for length in lengths
        }
        for metric in settings.metrics:
            wish = _wish(comparison, metric, visits, _limits(chosen, settings, metric))
            if wish is not None:
                found.append(Question(chosen, wish, models))
    return found


def points_for(questions: Sequence[Question], length: int) -> list[Point]:
    """Return what one visit of a length has to measure for the open questions of a range.

    All implementations of a model are measured together, or the best of them would be unknown.
    """
    wanted = frozenset[Model]().union(*(question.models for question in questions))
    return _points_of(questions[0].range, wanted, length)


def _points_of(chosen: Range, models: Container[Model], length: int) -> list[Point]:
    return [p for p in chosen.at(length) if not p.skip_reason and model_of(p) in models]


def model_of(point: Point) -> Model:
    """Return the model that a point measures with one of its kernels."""
    return Model(point.variant, point.attention_window, point.checkpoint)


def _num_visits(
    chosen: Range, models: frozenset[Model], length: int, counted: Collection[Visited], most: int
) -> int:
    """Return how often all kernels of two models were visited side by side at a length.

    What others have had there counts for nothing, nor does what earlier sweeps made in vain. As
    though it had had the most, no further visit gets a length at which one of the two cannot be
    measured any more, nor one at which they were measured when the range was another one: there may
    be no batch of it.
    """
    points = _points_of(chosen, models, length)
    is_over = length not in chosen.lengths or {*map(model_of, points)} != models
    return most if is_over else num_common(points, counted)


def _limits(chosen: Range, settings: SweepSettings, metric: str) -> Limits:
    visits = min(settings.visits, MEMORY_VISITS) if metric == "memory" else settings.visits
    return Limits(visits, settings.target_factor, chosen.middle)


def _wish(
    comparison: Comparison, metric: str, visits: Mapping[int, int], limits: Limits
) -> Wish | None:
    sides = comparison.sides(metric)
    duels = find_duels(sides)
    tried = _measured(comparison) - {duel.length for duel in duels}
    in_vain = {
        length
        for length in tried
        # Where a point has no row yet, a visit may still bring the two together.
        if visits[length] and not any(side.status == "skipped" for side in sides[length])
    }
    return find_wish(comparison, duels, metric, visits, limits, in_vain)


def _measured(comparison: Comparison) -> set[int]:
    """Return the lengths at which both sides were tried."""
    sides = (comparison.vanilla_points, comparison.efficient_points)
    tried = ({length for points in by.values() for length in points} for by in sides)
    return set.intersection(*tried)
