"""An advice as `advise --json` prints it: the recommendation, and every other candidate."""

from collections.abc import Mapping, Sequence
from typing import Any

from profiling.advising.candidates import Candidate
from profiling.advising.choosing import Judged
from profiling.advising.contenders import Wanted
from profiling.advising.measured_quality import MeasuredQuality, measured_of
from profiling.advising.quality import quality_of
from profiling.advising.tipping import Model, model_of


def answer_of(chosen: Judged | None, verdict: str, modality: str, wanted: Wanted) -> dict[str, Any]:
    """Return what was asked for, what is recommended, what it costs and what it saves.

    Args:
        chosen: What is recommended; None for nothing, whose fields are null.
        verdict: How sure that is.
        modality: Of the data.
        wanted: Objective and phase.
    """
    saving = chosen.same_policy if chosen else None
    padded = chosen.over_padded if chosen else None
    empty = dict.fromkeys(("saving", "ci_low", "ci_high"))
    return {
        "objective": wanted.objective,
        "phase": wanted.phase,
        "modality": modality,
        "recommended": name_of(chosen.candidate) if chosen else None,
        **(saving.to_dict() if saving else empty),
        "saving_over_padded": padded.to_dict() if padded else empty,
        **(_cost_of(chosen.candidate) if chosen else dict.fromkeys(COSTS)),
        "verdict": verdict,
    }


def alternative_of(
    judged: Judged, beyond: Mapping[Model, float], qualities: Sequence[MeasuredQuality]
) -> dict[str, Any]:
    """Return what is said of a candidate that is not recommended.

    Args:
        judged: The candidate.
        beyond: The share of the samples beyond the tipping point of each model that has one.
        qualities: What runs of one's own found the variants to keep or lose.
    """
    candidate, saving = judged.candidate, judged.same_policy
    contender = candidate.measured.contender
    quality = quality_of(contender.variant)
    own = measured_of(qualities, contender.variant, contender.attention_window)
    return {
        **name_of(candidate),
        **(saving.to_dict() if saving else dict.fromkeys(("saving", "ci_low", "ci_high"))),
        "saving_over_padded": judged.over_padded.to_dict() if judged.over_padded else None,
        **_cost_of(candidate),
        "share_beyond": beyond.get(model_of(contender)),
        "problems": list(candidate.problems),
        "quality": {"statement": quality.statement, "source": quality.source},
        "measured_quality": [each.to_dict() for each in own],
    }


def name_of(candidate: Candidate) -> dict[str, Any]:
    """Return what a candidate is."""
    contender = candidate.measured.contender
    return {
        "variant": contender.variant,
        "implementation": contender.kernel,
        "attention_window": contender.attention_window,
        **({"checkpoint": contender.checkpoint} if contender.checkpoint else {}),
        "policy": candidate.plan.policy,
    }


COSTS = (
    *("cost_per_sample", "padding_share", "edges", "peak_memory_mib", "holdout_error"),
    *("extrapolated_share", "extrapolated_over_batch_share"),
)


def _cost_of(candidate: Candidate) -> dict[str, Any]:
    """Return what a candidate costs, with what its batches are and how well that is known."""
    model = candidate.measured.model
    values = (
        candidate.mean_cost,
        candidate.padding_share,
        list(candidate.plan.edges),
        candidate.peak_mib,
        model.holdout_error if model else None,
        candidate.cost.extrapolated_share,
        candidate.cost.beside_batches_share,
    )
    return dict(zip(COSTS, values, strict=True))
