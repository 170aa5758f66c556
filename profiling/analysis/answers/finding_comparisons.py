"""Which rows may be compared with which."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from lightning_modules.variant import padding_of
from lightning_modules.variants import VARIANTS, vanilla_of
from profiling.analysis.answers.comparisons import Comparison, Model
from profiling.analysis.points.groups import Contender, Group, Points, group_rows, rank
from profiling.analysis.points.readings import Efforts
from profiling.rows.columns import Row, shared_conditions, value_of
from profiling.rows.pairs import parse_pair


@dataclass(frozen=True)
class Opponent:
    """What an efficient variant is compared with.

    Args:
        vanilla: The variant.
        like_for_like: The efficient one's implementation that meets the vanilla one's `eager`.
        pads_to: What the efficient one pads its tokens to a multiple of: tokens, its
            `attention_window`, or nothing that is known.
        attention_only: Whether the two differ in nothing but their attention.
    """

    vanilla: str
    like_for_like: str
    pads_to: int | str | None = None
    attention_only: bool = True


Opponents = Mapping[str, Opponent]
"""By the name of an efficient variant."""
Contenders = Mapping[Contender, Points]


def registered_opponents(modality: str) -> Opponents:
    """Return what `VARIANTS` says of a modality."""
    return {
        name: Opponent(
            vanilla_of(modality, name),
            variant.like_for_like,
            variant.pads_to,
            variant.attention_only,
        )
        for name, variant in VARIANTS.get(modality, {}).items()
        if not variant.is_vanilla
    }


def find_comparisons(
    rows: Iterable[Row],
    pairs: Iterable[str] = (),
    opponents: Callable[[str], Opponents] = registered_opponents,
) -> list[Comparison]:
    """Return every comparison that the rows allow, in an order of its own."""
    parsed = [parse_pair(pair) for pair in pairs]
    rows = list(rows)
    efforts = Efforts(rows)
    groups = group_rows(rows)
    found: list[Comparison] = []
    for group in sorted(groups, key=_order):
        contenders = groups[group]
        conditions = _conditions_of(contenders)
        known = opponents(group.modality)
        found += _with_vanilla(conditions, contenders, known, efforts)
        for pair in parsed:
            found += [
                _with_opponent(given, known)
                for given in _given_pair(conditions, contenders, pair, efforts)
            ]
    return found


def _with_opponent(given: Comparison, known: Opponents) -> Comparison:
    opponent = known.get(given.efficient.variant)
    same = opponent is not None and opponent.vanilla == given.vanilla.variant
    return replace(
        given,
        paddings=_paddings(known, given.vanilla, given.efficient),
        attention_only=same and opponent is not None and opponent.attention_only,
    )


def _paddings(known: Opponents, vanilla: Model, efficient: Model) -> tuple[int | None, int | None]:
    return _padding(known, vanilla), _padding(known, efficient)


def _padding(known: Opponents, model: Model) -> int | None:
    opponent = known.get(model.variant)
    return padding_of(opponent.pads_to, model.attention_window) if opponent else None


def _order(group: Group) -> tuple[Any, ...]:
    return (
        rank(group.modality),
        rank(group.phase),
        group.modality,
        group.phase,
        group.setting.values,
    )


def _conditions_of(contenders: Contenders) -> dict[str, Any]:
    """Return what all rows of a group share, as the rows have it."""
    row = next(visits[0] for points in contenders.values() for visits in points.values())
    shared = {column.name: value_of(row, column) for column in shared_conditions()}
    return {"modality": row["modality"]} | shared


def _with_vanilla(
    conditions: Mapping[str, Any], contenders: Contenders, opponents: Opponents, efforts: Efforts
) -> Iterator[Comparison]:
    models = _models(contenders)
    for efficient in models:
        opponent = opponents.get(efficient.variant)
        for vanilla in models:
            if opponent is None or vanilla.variant != opponent.vanilla:
                continue
            theirs, ours = _select(contenders, vanilla), _select(contenders, efficient)
            alike = opponent.like_for_like
            make = partial(
                Comparison,
                conditions=conditions,
                vanilla=vanilla,
                efficient=efficient,
                efforts=efforts,
                paddings=_paddings(opponents, vanilla, efficient),
                attention_only=opponent.attention_only,
            )
            if "eager" in theirs and alike in ours:
                alone = {"eager": theirs["eager"]}, {alike: ours[alike]}
                yield make("like_for_like", vanilla_points=alone[0], efficient_points=alone[1])
            yield make("best_vs_best", vanilla_points=theirs, efficient_points=ours)


def _given_pair(
    conditions: Mapping[str, Any],
    contenders: Contenders,
    pair: tuple[tuple[str, str], tuple[str, str]],
    efforts: Efforts,
) -> Iterator[Comparison]:
    (vanilla, their_kernel), (efficient, our_kernel) = pair
    for theirs, ours in product(_models(contenders), repeat=2):
        if (theirs.variant, ours.variant) != (vanilla, efficient):
            continue
        # Two kernels of one variant answer which is faster at the same window.
        if vanilla == efficient and theirs.attention_window != ours.attention_window:
            continue
        their_points = _select(contenders, theirs).get(their_kernel)
        our_points = _select(contenders, ours).get(our_kernel)
        if their_points and our_points:
            yield Comparison(
                "pair",
                conditions,
                theirs,
                ours,
                {their_kernel: their_points},
                {our_kernel: our_points},
                efforts,
            )


def _models(contenders: Contenders) -> list[Model]:
    found = {Model(c.variant, c.attention_window, c.checkpoint) for c in contenders}
    return sorted(found, key=lambda m: (m.variant, m.attention_window or 0, m.checkpoint or ""))


def _select(contenders: Contenders, model: Model) -> dict[str, Points]:
    """Return the points of a model's kernels, in the order of their names."""
    return {
        contender.kernel: points
        for contender, points in sorted(contenders.items(), key=lambda item: item[0].kernel)
        if Model(contender.variant, contender.attention_window, contender.checkpoint) == model
    }
