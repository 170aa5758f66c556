"""Which rows may be compared with which; imports no torch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lightning_modules.variants import VARIANTS, vanilla_of
from profiling.analysis.curves import Contender, axis_of, finite, rank
from profiling.analysis.sides import Points, Side, best_sides
from profiling.rows.columns import Row
from profiling.rows.pairs import parse_pair

# Rows that differ in one of these never meet: not in one curve, not in one comparison.
CONDITIONS = (
    "modality",
    "phase",
    "size",
    "precision",
    "device",
    "device_name",
    "threads",
    "batch_source",
    "dropout",
    "memory_budget_gib",
    "max_batch_size",
)


@dataclass(frozen=True)
class Opponent:
    """What an efficient variant is compared with.

    Args:
        vanilla: The variant.
        like_for_like: The efficient one's implementation that meets the vanilla one's `eager`.
    """

    vanilla: str
    like_for_like: str


@dataclass(frozen=True)
class Model:
    """A variant with its window and weights: what its implementations share."""

    variant: str
    attention_window: int | None = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Two models under the same conditions, each with one or more implementations."""

    kind: str
    conditions: Mapping[str, Any]
    vanilla: Model
    efficient: Model
    vanilla_points: Mapping[str, Points]
    efficient_points: Mapping[str, Points]

    def sides(self, metric: str) -> dict[int, tuple[Side, Side]]:
        """Return (vanilla, efficient) at every length where either was tried, shortest first."""
        both = (self.vanilla_points, self.efficient_points)
        lengths = {length for points in both for by in points.values() for length in by}
        vanilla, efficient = (best_sides(points, sorted(lengths), metric) for points in both)
        return {length: (vanilla[length], efficient[length]) for length in sorted(lengths)}


Kernels = Mapping[Contender, Points]


Opponents = Mapping[str, Opponent]
"""By the name of an efficient variant."""


def registered_opponents(modality: str) -> Opponents:
    """Return what `VARIANTS` says of a modality."""
    return {
        name: Opponent(vanilla_of(modality, name), variant.like_for_like)
        for name, variant in VARIANTS[modality].items()
        if not variant.is_vanilla
    }


def find_comparisons(
    rows: Iterable[Row],
    pairs: Iterable[str] = (),
    opponents: Callable[[str], Opponents] = registered_opponents,
) -> list[Comparison]:
    """Return every comparison that the rows allow, in an order of its own."""
    parsed = [parse_pair(pair) for pair in pairs]
    groups = _group(rows)
    found: list[Comparison] = []
    for identity in sorted(groups, key=_order):
        conditions = dict(zip(CONDITIONS, identity, strict=True))
        kernels = groups[identity]
        found += _with_vanilla(conditions, kernels, opponents(conditions["modality"]))
        for vanilla, efficient in parsed:
            found += _given_pair(conditions, kernels, vanilla, efficient)
    return found


def _order(identity: tuple[Any, ...]) -> tuple[Any, ...]:
    return rank(identity[0]), rank(identity[1]), tuple(map(str, identity))


def _group(rows: Iterable[Row]) -> dict[tuple[Any, ...], dict[Contender, Points]]:
    groups: dict[tuple[Any, ...], dict[Contender, Points]] = {}
    for row in rows:
        length = finite(row.get(axis_of(str(row.get("modality")))))
        if length is None or length <= 0:
            continue
        identity = tuple(row.get(name) for name in CONDITIONS)
        names = (row["variant"], row["implementation"])
        kernel = Contender(*names, row.get("attention_window"), row.get("checkpoint"))
        points = groups.setdefault(identity, {}).setdefault(kernel, {})
        points.setdefault(int(length), []).append(row)
    return groups


def _with_vanilla(
    conditions: Mapping[str, Any], kernels: Kernels, opponents: Opponents
) -> Iterator[Comparison]:
    models = _models(kernels)
    for efficient in models:
        opponent = opponents.get(efficient.variant)
        for vanilla in models:
            if opponent is None or vanilla.variant != opponent.vanilla:
                continue
            theirs, ours = _select(kernels, vanilla), _select(kernels, efficient)
            alike = opponent.like_for_like
            if "eager" in theirs and alike in ours:
                sides = ({"eager": theirs["eager"]}, {alike: ours[alike]})
                yield Comparison("like_for_like", conditions, vanilla, efficient, *sides)
            yield Comparison("best_vs_best", conditions, vanilla, efficient, theirs, ours)


def _given_pair(
    conditions: Mapping[str, Any],
    kernels: Kernels,
    vanilla: tuple[str, str],
    efficient: tuple[str, str],
) -> Iterator[Comparison]:
    for their_model in _models(kernels):
        for our_model in _models(kernels):
            if (their_model.variant, our_model.variant) != (vanilla[0], efficient[0]):
                continue
            # Two kernels of one variant answer which is faster at the same window.
            windows = {their_model.attention_window, our_model.attention_window}
            if vanilla[0] == efficient[0] and len(windows) > 1:
                continue
            theirs = _select(kernels, their_model).get(vanilla[1])
            ours = _select(kernels, our_model).get(efficient[1])
            if theirs and ours:
                sides = ({vanilla[1]: theirs}, {efficient[1]: ours})
                yield Comparison("pair", conditions, their_model, our_model, *sides)


def _models(kernels: Kernels) -> list[Model]:
    found = {Model(k.variant, k.attention_window, k.checkpoint) for k in kernels}
    return sorted(found, key=lambda m: (m.variant, m.attention_window or 0, m.checkpoint or ""))


def _select(kernels: Kernels, model: Model) -> dict[str, Points]:
    return {
        kernel.implementation: points
        for kernel, points in sorted(kernels.items(), key=lambda item: item[0].implementation)
        if Model(kernel.variant, kernel.attention_window, kernel.checkpoint) == model
    }
