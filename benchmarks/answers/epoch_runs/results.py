"""One line of the results: what was foreseen of a contender under a policy, and what it took."""

from collections.abc import Mapping
from typing import Any

from benchmarks.answers.epoch_runs.planning import Epoch
from datamodules.lengths import LengthDistribution
from profiling.advising.answer import name_of


def result_of(
    distribution: LengthDistribution,
    epoch: Epoch,
    measured: float,
    now: float | None,
    advice: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what `benchmarks.answers.epoch_runs.judging.Result` describes.

    Args:
        distribution: The data set.
        epoch: What was run.
        measured: Milliseconds of a sample, or MiB of the largest step.
        now: What is foreseen by the sweep's steps as they were measured again beside the epochs;
            None for memory, which does not drift.
        advice: What `advise` says to the same question.
    """
    candidate, wanted = epoch.candidate, epoch.wanted
    by_memory = wanted.objective == "memory"
    cost = candidate.cost
    foreseen = candidate.mean_cost if by_memory else epoch.predicted
    length_share = cost.extrapolated_share if by_memory else epoch.extrapolated_share
    return {
        "data": distribution.name,
        "modality": distribution.modality,
        "phase": wanted.phase,
        "objective": wanted.objective,
        "batch_size": wanted.batch_size,
        **name_of(candidate),
        "steps": 1 if by_memory else len(epoch.steps),
        "steps_of_epoch": sum(candidate.plan.times),
        "predicted": foreseen,
        "predicted_now": foreseen if now is None else now,
        "measured": measured,
        "predicted_whole": candidate.mean_cost,
        "extrapolated_share": length_share,
        "beside_batches_share": 0.0 if by_memory else epoch.beside_batches_share,
        "recommended": advice["recommended"] == name_of(candidate),
        "verdict": advice["verdict"],
    }


def label(name: Mapping[str, Any]) -> str:
    """Return contender and policy in words, from `name_of`."""
    window = f" w{name['attention_window']}" if name["attention_window"] else ""
    return f"{name['variant']}{window} {name['implementation']}, {name['policy']}"
