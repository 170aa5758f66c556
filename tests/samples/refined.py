"""Sweeps that choose their lengths, on rows whose truth is known."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from profiling.planning.grids import PointMaker
from profiling.planning.points import DataFacts
from profiling.planning.ranges import Range
from profiling.planning.settings import Metric, ModalitySettings, SweepSettings
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.sweeping.refinement import Refinement
from tests.samples.variants.points import CONDITIONS

Rows = list[dict[str, Any]]
Found = float | dict[str, Any]
"""Milliseconds, or what else a row says."""
ENDS = [256, 16384]
CROSSING = 1500.0
BERT = {"name": "bert", "implementations": ["sdpa"]}
LOCAL = {"name": "local_bert", "attention_window": 8, "implementations": ["local_blocked"]}


def refinement(
    metrics: list[Metric] | None = None,
    budget_s: float | None = None,
    variants: Sequence[Any] = (BERT, LOCAL),
    ends: Sequence[int] = ENDS,
    **settings: Any,
) -> Refinement:
    """Return the plan of a range of text in inference."""
    text = ModalitySettings(variants=[*variants], lengths=[*ends], refine=True)
    chosen = SweepSettings(
        modalities={"text": text}, metrics=metrics or ["latency"], phases=["inference"], **settings
    )
    maker = PointMaker(chosen, CONDITIONS, "text", DataFacts("synthetic", [*ends], 10))
    return Refinement(chosen, [Range(phase, maker) for phase in chosen.phases], budget_s)


def costs(visit: Visit) -> float:
    """Return milliseconds, 1 % noise included: bert's grow faster and cross at CROSSING."""
    point = visit.point
    noise = np.random.default_rng([point.length, visit.number, len(point.variant)])
    power = 1.4 if point.variant == "bert" else 1.0
    return float((point.length / CROSSING) ** power * np.exp(0.01 * noise.standard_normal()))


def visits_of(plan: Refinement, rows: Rows) -> Iterator[Visit]:
    """Yield what is missing, one by one."""
    return (visit for group in plan.missing(rows) for visit in group)


def measure(
    plan: Refinement, rows: Rows, most: int = 500, cost: Callable[[Visit], Found] = costs
) -> list[tuple[str, int, int]]:
    """Measure what is missing, at most so many visits; return them in their order."""
    order = []
    for visit in islice(visits_of(plan, rows), most):
        order.append((visit.point.variant, visit.point.length, visit.number))
        found = {"status": "skipped", "seconds": 0.0} if visit.point.skip_reason else cost(visit)
        said = found if isinstance(found, dict) else {"latency_ms": found}
        rows.append(row_of(visit) | {"status": "ok", "seconds": 1.0} | said)
    return order
