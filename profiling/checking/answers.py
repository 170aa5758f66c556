"""What the replays answer: L-HuBERT over HuBERT, with intervals over visits."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import exp
from typing import Any

import numpy as np

from profiling.analysis.statistics.intervals import (
    draw_deviations,
    interval_ends,
    paired_log_ratios,
)
from profiling.checking.rows import row

VANILLA = "hubert"
COSTS = ("latency_ms", "device_ms", "memory_above_weights_mib")


def answers(replays: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a row per kind of step, kernel and cost: the ratio to HuBERT and its interval.

    Args:
        replays: Rows of the part `replay`, of all visits.
    """
    costs: dict[tuple[str, str], dict[str, dict[int, float]]] = defaultdict(dict)
    for one in replays:
        for cost in COSTS:
            if one.get(cost):
                model = f"{one['variant']} {one['implementation']}"
                costs[one["kind"], cost].setdefault(model, {})[one["visit"]] = one[cost]
    for (kind, cost), models in costs.items():
        vanillas = [name for name in models if name.split()[0] == VANILLA]
        for name in [name for name in models if name.split()[0] != VANILLA]:
            for vanilla in vanillas:
                yield _answer(
                    f"{name} over {vanilla}, {kind}, {cost}", models[name], models[vanilla]
                )


def _answer(name: str, ours: dict[int, float], theirs: dict[int, float]) -> dict[str, Any]:
    ratios = np.array([[*paired_log_ratios(ours, theirs).values()]])
    if not ratios.size:
        return row("answer", name, "skipped", "no visit has both")
    mean = float(ratios.mean())
    low, high = (float(mean + end) for end in interval_ends(draw_deviations(ratios))[0])
    known = bool(np.isfinite(low) and np.isfinite(high))
    return row(
        "answer",
        name,
        "ok",
        ratio=exp(mean),
        ci_low=exp(low) if known else None,
        ci_high=exp(high) if known else None,
        outcome=_outcome(low, high) if known else "undecided",
        visits=ratios.shape[1],
    )


def _outcome(low: float, high: float) -> str:
    if high < 0:
        return "win"
    return "lose" if low > 0 else "tie"
