"""Epochs of made-up data over made-up measurements, and what was found of one."""

from dataclasses import asdict, replace
from typing import Any

from benchmarks.answers.epoch_runs.planning import Amount, plan_part
from datamodules.lengths import LengthDistribution
from profiling.advising.candidates import find_candidates
from profiling.advising.contenders import Wanted, measure
from profiling.advising.newest import find_newest
from tests.samples.rows.advising import keyed_rows_of, linear_law, vanilla_law
from tests.samples.variants.points import CONDITIONS

DATA = LengthDistribution(
    "made up", "text", "tokens", (70, 90, 130, 300, 520), (9, 7, 5, 4, 2), "nowhere"
)
EVERYTHING = Amount(most_steps=10**6, seconds=10**6)
ENOUGH = replace(CONDITIONS, allocator="system", memory_budget_gib=4.0, seed=3)


def rows() -> list[dict[str, Any]]:
    """Return measurements whose costs follow the laws without noise."""
    more = {**asdict(ENOUGH), "batch_source": "synthetic", "max_length": 2048}
    vanilla = keyed_rows_of("bert", "sdpa", vanilla_law, noise=0.0)
    local = keyed_rows_of("local_bert", "local_blocked", linear_law, noise=0.0)
    return [*(row | more for row in vanilla),
            *(row | more | {"attention_window": 32} for row in local)]  # fmt: skip


def parts(wanted: Wanted, amount: Amount = EVERYTHING, data: LengthDistribution = DATA):
    """Return the planned part of each candidate's epoch, and the measurements behind them."""
    newest = find_newest(rows(), "text", "inference")
    assert newest
    candidates = find_candidates(measure(newest, wanted), data, wanted)
    return [plan_part(each, data, wanted, amount) for each in candidates], newest


def result(variant: str, policy: str, measured: float, **fields: Any) -> dict[str, Any]:
    """Return what was found of one epoch, foreseen as it was measured."""
    return {
        "data": "reviews",
        "modality": "text",
        "phase": "inference",
        "objective": "throughput",
        "batch_size": 4,
        "variant": variant,
        "implementation": "sdpa",
        "attention_window": None,
        "policy": policy,
        "steps": 3,
        "steps_of_epoch": 9,
        "predicted": measured,
        "predicted_now": measured,
        "measured": measured,
        "predicted_whole": measured,
        "extrapolated_share": 0.0,
        "beside_batches_share": 0.0,
        "recommended": False,
        "verdict": "saves",
    } | fields
