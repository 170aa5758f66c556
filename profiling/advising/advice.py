"""From the rows of a run and the lengths of a data set to a recommendation."""

from collections.abc import Mapping, Sequence
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.advising.between_runs import Advised
from profiling.advising.candidates import Candidate, find_candidates
from profiling.advising.ceiling import find_ceiling
from profiling.advising.choosing import (
    Judged,
    best_efficient,
    choose,
    compared_with,
    is_vanilla,
    judge,
)
from profiling.advising.contenders import Measured, Wanted, measure, newest_group
from profiling.advising.cut_lengths import cut_lengths
from profiling.advising.measured_quality import MeasuredQuality, measured_of
from profiling.advising.notes import notes_of
from profiling.advising.quality import quality_of
from profiling.advising.tipping import Model, model_of, shares_beyond, would_change
from profiling.analysis.points.checkpoints import short_names, with_names
from profiling.errors import SettingsError
from profiling.rows.columns import Row


def advise_run(
    rows: Sequence[Row],
    distribution: LengthDistribution,
    wanted: Wanted,
    qualities: Sequence[MeasuredQuality] = (),
) -> dict[str, Any]:
    """Return the answer of `find_advice` alone, as `advise --json` prints it."""
    return find_advice(rows, distribution, wanted, qualities).answer


def find_advice(
    rows: Sequence[Row],
    distribution: LengthDistribution,
    wanted: Wanted,
    qualities: Sequence[MeasuredQuality] = (),
) -> Advised:
    """Return the advice of one run.

    Args:
        rows: Current measurement rows of the run, oldest first.
        distribution: Lengths of the data.
        wanted: Objective, phase, batch size and limits.
        qualities: What runs of one's own found the variants to keep or lose.

    Raises:
        SettingsError: Nothing was measured of this modality and phase, or too little.
    """
    modality = distribution.modality
    rows = with_names(rows, short_names(rows))
    newest = newest_group(rows, modality, wanted.phase)
    if newest is None:
        known = sorted({f"{row['modality']} in {row['phase']}" for row in rows})
        raise SettingsError(
            f"`lengths` and `phase` must be of what the run measured ({', '.join(known)}), "
            f"got {modality} in {wanted.phase}"
        )
    group, contenders = newest
    measured = measure(contenders, modality, wanted)
    candidates = find_candidates(measured, distribution, wanted)
    if not candidates:
        reasons = "; ".join(f"{m.contender.label}: {m.reason}" for m in measured)
        raise SettingsError(f"the run must have enough lengths to advise from, but {reasons}")
    if wanted.budget_gib is not None and all(each.peak_mib is None for each in candidates):
        raise SettingsError(
            "`budget_gib` must have a run to check it with that measured memory, got one without: "
            "sweep with memory among its `metrics`"
        )
    judged = judge(candidates, modality)
    chosen, verdict = choose(judged, modality)
    of_group = [row for points in contenders.values() for v in points.values() for row in v]
    seen = cut_lengths(distribution, wanted.max_length)
    beyond = shares_beyond(of_group, seen, wanted.objective)
    answer = _answer(chosen, verdict, modality, wanted)
    family = best_efficient(judged, modality) if is_vanilla(chosen, modality) else chosen
    ceiling, unknown_ceiling = find_ceiling(judged, modality, seen, wanted, family)
    answer |= {
        "share_beyond": beyond.get(model_of(family.candidate.measured.contender))
        if family
        else None,
        "ceiling": ceiling,
        "alternatives": [
            _alternative(each, beyond, qualities) for each in judged if each is not chosen
        ],
        "notes": [
            f"conditions: {group.setting.describe()}",
            *notes_of(chosen.candidate if chosen else None, measured, candidates, seen, wanted),
            *unknown_ceiling,
            *_measured_notes(measured, qualities),
            *compared_with(judged, modality),
            *(
                would_change(of_group, seen, wanted, chosen.candidate, candidates)
                if chosen and is_vanilla(chosen, modality)
                else ()
            ),
        ],
    }
    return Advised(answer, chosen.candidate if chosen else None)


def _answer(chosen: Judged | None, verdict: str, modality: str, wanted: Wanted) -> dict[str, Any]:
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
        "padding_share": chosen.candidate.plan.padding_share if chosen else None,
        "cost_per_sample": chosen.candidate.mean_cost if chosen else None,
        "verdict": verdict,
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


def _measured_notes(
    measured: Sequence[Measured], qualities: Sequence[MeasuredQuality]
) -> list[str]:
    """Return what was measured of the contenders, each figure once."""
    found = [
        f"measured quality: {each}"
        for one in measured
        for each in measured_of(qualities, one.contender.variant, one.contender.attention_window)
    ]
    return list(dict.fromkeys(found))


def _share_beyond(judged: Judged | None, beyond: Mapping[Model, float]) -> float | None:
    return beyond.get(model_of(judged.candidate.measured.contender)) if judged else None


def _alternative(
    judged: Judged, beyond: Mapping[Model, float], qualities: Sequence[MeasuredQuality]
) -> dict[str, Any]:
    candidate, saving = judged.candidate, judged.same_policy
    model = candidate.measured.model
    contender = candidate.measured.contender
    quality = quality_of(contender.variant)
    own = measured_of(qualities, contender.variant, contender.attention_window)
    return {
        **name_of(candidate),
        **(saving.to_dict() if saving else dict.fromkeys(("saving", "ci_low", "ci_high"))),
        "saving_over_padded": judged.over_padded.to_dict() if judged.over_padded else None,
        "cost_per_sample": candidate.mean_cost,
        "padding_share": candidate.plan.padding_share,
        "edges": list(candidate.plan.edges),
        "peak_memory_mib": candidate.peak_mib,
        "holdout_error": model.holdout_error if model else None,
        "extrapolated_share": candidate.cost.extrapolated_share,
        "extrapolated_over_batch_share": candidate.cost.beside_batches_share,
        "share_beyond": _share_beyond(judged, beyond),
        "problems": list(candidate.problems),
        "quality": {"statement": quality.statement, "source": quality.source},
        "measured_quality": [each.to_dict() for each in own],
    }
