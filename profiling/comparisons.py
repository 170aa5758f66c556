"""Which rows may be compared, and what each side costs at each length; imports no torch."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lightning_modules.variants import VARIANTS, vanilla_of
from profiling.curves import JUDGED, Contender, Row, axis_of, finite, rank
from profiling.errors import SettingsError

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
    "checkpoint",
    "memory_budget_gib",
    "max_batch_size",
)
HIGHER_IS_BETTER = ("throughput",)
MEMORY_RESOLUTION_MIB = 1.0

Points = dict[int, list[Row]]  # the visits by length


@dataclass(frozen=True)
class ModalityFacts:
    """What the registry says: the vanilla variant, and what each other one is compared by."""

    vanilla: str
    like_for_like: Mapping[str, str]


@dataclass(frozen=True)
class Side:
    """What one side of a comparison costs at one length.

    Args:
        status: ok, oom, skipped or missing (failed, not measured or without this metric).
        implementation: The one that ran.
        costs: By visit; lower is better, so seconds per sample instead of a throughput.
        samples: The raw latencies behind them, by visit; other metrics have none.
    """

    status: str
    implementation: str = ""
    costs: Mapping[int, float] = field(default_factory=dict)
    samples: Mapping[int, Sequence[float]] = field(default_factory=dict)

    @property
    def mean_log_cost(self) -> float:
        """The mean over the visits."""
        return math.fsum(map(math.log, self.costs.values())) / len(self.costs)


@dataclass(frozen=True)
class Comparison:
    """Two variants under the same conditions, each with one or more implementations."""

    kind: str
    conditions: Mapping[str, Any]
    vanilla: str
    efficient: str
    attention_window: int | None
    vanilla_points: Mapping[str, Points]
    efficient_points: Mapping[str, Points]

    def sides(self, metric: str) -> dict[int, tuple[Side, Side]]:
        """Return (vanilla, efficient) at every length where either was tried, shortest first."""
        both = (self.vanilla_points, self.efficient_points)
        lengths = {length for points in both for by in points.values() for length in by}
        vanilla, efficient = (best_sides(points, sorted(lengths), metric) for points in both)
        return {length: (vanilla[length], efficient[length]) for length in sorted(lengths)}


Kernels = Mapping[Contender, Points]


def registry_facts(modality: str) -> ModalityFacts:
    """Return what `VARIANTS` says of a modality."""
    others = {
        name: variant.like_for_like
        for name, variant in VARIANTS[modality].items()
        if not variant.vanilla
    }
    return ModalityFacts(vanilla_of(modality), others)


def parse_pair(pair: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return (variant, implementation) of both sides of "bert:sdpa,longformer:mask_fixed".

    Raises:
        SettingsError: The text has another form.
    """
    found = re.fullmatch(r"\s*(\w+):(\w+)\s*,\s*(\w+):(\w+)\s*", pair)
    if not found:
        raise SettingsError(
            f'`pairs` takes "variant:implementation,variant:implementation", got {pair!r}'
        )
    return (found[1], found[2]), (found[3], found[4])


def find_comparisons(
    rows: Iterable[Row],
    pairs: Iterable[str] = (),
    facts: Callable[[str], ModalityFacts] = registry_facts,
) -> list[Comparison]:
    """Return every comparison that the rows allow, in an order of its own."""
    parsed = [parse_pair(pair) for pair in pairs]
    groups = _group(rows)
    found: list[Comparison] = []
    for identity in sorted(groups, key=_order):
        conditions = dict(zip(CONDITIONS, identity, strict=True))
        kernels = groups[identity]
        found += _with_vanilla(conditions, kernels, facts(conditions["modality"]))
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
    conditions: Mapping[str, Any], kernels: Kernels, facts: ModalityFacts
) -> Iterable[Comparison]:
    theirs = _select(kernels, facts.vanilla, None)
    for variant, window in _variants(kernels):
        if variant == facts.vanilla or not theirs:
            continue
        ours = _select(kernels, variant, window)
        names = (conditions, facts.vanilla, variant, window)
        alike = facts.like_for_like.get(variant, "")
        if "eager" in theirs and alike in ours:
            sides = ({"eager": theirs["eager"]}, {alike: ours[alike]})
            yield Comparison("like_for_like", *names, *sides)
        yield Comparison("best_vs_best", *names, theirs, ours)


def _given_pair(
    conditions: Mapping[str, Any],
    kernels: Kernels,
    vanilla: tuple[str, str],
    efficient: tuple[str, str],
) -> Iterable[Comparison]:
    for their_variant, their_window in _variants(kernels):
        for our_variant, our_window in _variants(kernels):
            if (their_variant, our_variant) != (vanilla[0], efficient[0]):
                continue
            if their_window and our_window and their_window != our_window:
                continue
            theirs = _select(kernels, their_variant, their_window).get(vanilla[1])
            ours = _select(kernels, our_variant, our_window).get(efficient[1])
            if theirs and ours:
                names = (vanilla[0], efficient[0], our_window or their_window)
                sides = ({vanilla[1]: theirs}, {efficient[1]: ours})
                yield Comparison("pair", conditions, *names, *sides)


def _variants(kernels: Kernels) -> list[tuple[str, int | None]]:
    found = {(kernel.variant, kernel.attention_window) for kernel in kernels}
    return sorted(found, key=lambda names: (names[0], names[1] or 0))


def _select(kernels: Kernels, variant: str, window: int | None) -> dict[str, Points]:
    return {
        kernel.implementation: points
        for kernel, points in sorted(kernels.items(), key=lambda item: item[0].implementation)
        if (kernel.variant, kernel.attention_window) == (variant, window)
    }


def best_sides(
    points: Mapping[str, Points], lengths: Sequence[int], metric: str
) -> dict[int, Side]:
    """Return the best implementation at each length; with a single one, that one.

    The best of several noisy values flatters, so what a visit counts for is the value of the
    implementation that the *other* visits find best. An implementation that works at some length
    and has no answer at another leaves the best unknown there.
    """
    sides = {
        name: {length: read_side(name, by.get(length, []), metric) for length in lengths}
        for name, by in points.items()
    }
    working = {
        name: by
        for name, by in sides.items()
        if any(side.status in ("ok", "oom") for side in by.values())
    }
    return {length: _best([by[length] for by in working.values()]) for length in lengths}


def read_side(implementation: str, visits: Sequence[Row], metric: str) -> Side:
    """Return what one implementation costs at one length, from its visits.

    Rows measured under an older key (other library versions, say) than the last one do not count.
    """
    visits = [row for row in visits if row.get("key") == visits[-1].get("key")]
    statuses = [row["status"] for row in visits]
    num_ok, num_oom = statuses.count("ok"), statuses.count("oom")
    if num_oom and num_oom >= num_ok:
        return Side("oom", implementation)
    costs = {
        row["visit"]: cost
        for row in visits
        if row["status"] == "ok" and (cost := _cost(row, metric)) is not None
    }
    if not costs:
        return Side("skipped" if "skipped" in statuses else "missing", implementation)
    samples: dict[int, Sequence[float]] = {}
    if metric == "latency":
        samples = {row["visit"]: row.get("latency_ms_samples") or () for row in visits}
    return Side("ok", implementation, costs, samples)


def _cost(row: Row, metric: str) -> float | None:
    value = finite(row.get(JUDGED[metric]))
    if value is None:
        return None
    if metric == "memory":
        return max(value, MEMORY_RESOLUTION_MIB)
    if value <= 0:
        return None
    return 1 / value if metric in HIGHER_IS_BETTER else value


def _best(sides: Sequence[Side]) -> Side:
    if not sides or any(side.status == "missing" for side in sides):
        return Side("missing")
    able = [side for side in sides if side.status == "ok"]
    if not able:
        return next((side for side in sides if side.status == "oom"), sides[0])
    overall = min(able, key=lambda side: side.mean_log_cost)
    if len(able) == 1:
        return overall
    visits = sorted({visit for side in able for visit in side.costs})
    chosen = {visit: _best_by_others(able, visit) for visit in visits}
    return Side(
        "ok",
        overall.implementation,
        {visit: side.costs[visit] for visit, side in chosen.items()},
        {visit: side.samples.get(visit, ()) for visit, side in chosen.items()},
    )


def _best_by_others(sides: Sequence[Side], visit: int) -> Side:
    def judged_by_others(side: Side) -> float:
        others = {number: cost for number, cost in side.costs.items() if number != visit}
        return Side("ok", costs=others or side.costs).mean_log_cost

    return min((side for side in sides if visit in side.costs), key=judged_by_others)
