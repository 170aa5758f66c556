"""From the rows of a run and the lengths of a data set to a recommendation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datamodules.lengths import LengthDistribution
from lightning_modules.variants import VARIANTS, vanilla_of
from profiling.advising.candidates import (
    Candidate,
    Measured,
    Wanted,
    find_candidates,
    measure,
    newest_group,
)
from profiling.advising.notes import notes_of
from profiling.advising.quality import quality_of
from profiling.advising.savings import Saving, find_savings
from profiling.analysis.components import attention_share
from profiling.analysis.tipping_points import find_tipping_points
from profiling.errors import SettingsError
from profiling.rows.columns import Row

PADDED = "pad_to_maximum"


@dataclass(frozen=True)
class Judged:
    """A candidate beside the vanilla one.

    Args:
        candidate: What is judged.
        same_policy: What it saves over the best vanilla kernel under its policy; None where
            that one does not fit or was not measured.
        over_padded: What it saves over the best vanilla kernel with padding to the maximum.
    """

    candidate: Candidate
    same_policy: Saving | None
    over_padded: Saving | None


def advise_run(
    rows: Sequence[Row], distribution: LengthDistribution, wanted: Wanted
) -> dict[str, Any]:
    """Return the advice of one run, as `advise --json` prints it.

    Args:
        rows: Current measurement rows of the run, oldest first.
        distribution: Lengths of the data.
        wanted: Objective, phase, batch size and limits.

    Raises:
        SettingsError: Nothing was measured of this modality and phase, or too little.
    """
    modality = distribution.modality
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
    judged = judge(candidates, modality)
    chosen, verdict = choose(judged, modality)
    of_group = [row for points in contenders.values() for v in points.values() for row in v]
    beyond = _shares_beyond(of_group, distribution, wanted.objective)
    answer = _answer(chosen, verdict, modality, wanted)
    family = _best_efficient(judged, modality) if _is_vanilla(chosen, modality) else chosen
    return answer | {
        "share_beyond": beyond.get(family.candidate.measured.contender.family) if family else None,
        "ceiling": _ceiling(judged, modality, distribution, wanted, family),
        "alternatives": [_alternative(each, beyond) for each in judged if each is not chosen],
        "notes": [
            f"conditions: {group.setting.describe()}",
            *notes_of(chosen.candidate if chosen else None, measured, distribution, wanted),
            *_would_change(of_group, distribution, wanted.objective),
        ],
    }


def judge(candidates: Sequence[Candidate], modality: str) -> list[Judged]:
    """Return every candidate beside the vanilla one, cheapest first."""
    found = {}
    for policy in dict.fromkeys(each.plan.policy for each in candidates):
        ours = [each for each in candidates if each.plan.policy == policy]
        same = _savings(ours, candidates, modality, policy)
        padded = _savings(ours, candidates, modality, PADDED)
        for each, first, second in zip(ours, same, padded, strict=True):
            found[id(each)] = Judged(each, first, second)
    return [found[id(each)] for each in candidates]


def choose(judged: Sequence[Judged], modality: str) -> tuple[Judged | None, str]:
    """Return what to take, and how sure that is.

    Returns:
        The recommendation (None where nothing can be used) and `saves`, `only_feasible`,
        `cannot_tell`, `keep_vanilla` or `nothing_fits`.
    """
    usable = [each for each in judged if not each.candidate.problems]
    vanilla = next((each for each in usable if _is_vanilla(each, modality)), None)
    efficient = [each for each in usable if not _is_vanilla(each, modality)]
    if vanilla is None:
        return (efficient[0], "only_feasible") if efficient else (None, "nothing_fits")
    limit = vanilla.candidate.mean_cost
    for each in efficient:
        saving = each.same_policy
        if saving and saving.outcome == "win" and each.candidate.mean_cost < limit:
            return each, "saves"
    open_ones = [
        each for each in efficient if each.same_policy and each.same_policy.outcome == "tie"
    ]
    return vanilla, "cannot_tell" if open_ones else "keep_vanilla"


def _savings(
    ours: Sequence[Candidate], candidates: Sequence[Candidate], modality: str, policy: str
) -> list[Saving | None]:
    """Return what candidates of one policy save over the best vanilla kernel under another."""
    pairs = {}
    for each in ours:
        wanted = _vanilla_name(each, modality)
        theirs = [
            other
            for other in candidates
            if other.measured.contender.variant == wanted
            and not other.problems
            and other.plan.policy == ("dynamic" if policy == "packed" else policy)
        ]
        if theirs:
            pairs[id(each)] = (each, theirs[0])
    real = {name: pair for name, pair in pairs.items() if pair[0] is not pair[1]}
    found: dict[int, Saving] = dict.fromkeys(pairs, Saving(0.0, 0.0, 0.0))
    found |= dict(zip(real, find_savings([*real.values()]), strict=True))
    return [found.get(id(each)) for each in ours]


def _vanilla_name(candidate: Candidate, modality: str) -> str:
    variant = candidate.measured.contender.variant
    entry = VARIANTS[modality].get(variant)
    if entry is None or entry.is_vanilla:
        return variant if entry else vanilla_of(modality)
    return vanilla_of(modality, variant)


def _is_vanilla(judged: Judged | None, modality: str) -> bool:
    if judged is None:
        return True
    entry = VARIANTS[modality].get(judged.candidate.measured.contender.variant)
    return bool(entry and entry.is_vanilla)


def _best_efficient(judged: Sequence[Judged], modality: str) -> Judged | None:
    return next((each for each in judged if not _is_vanilla(each, modality)), None)


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
        "policy": candidate.plan.policy,
    }


def _alternative(judged: Judged, beyond: Mapping[str, float]) -> dict[str, Any]:
    candidate, saving = judged.candidate, judged.same_policy
    model = candidate.measured.model
    quality = quality_of(candidate.measured.contender.variant)
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
        "share_beyond": beyond.get(candidate.measured.contender.family),
        "problems": list(candidate.problems),
        "quality": {"statement": quality.statement, "source": quality.source},
    }


def _crossings(rows: Sequence[Row], objective: str) -> list[dict[str, Any]]:
    return [
        row
        for row in find_tipping_points(rows)
        if row["metric"] == objective and row["comparison"] == "best_vs_best"
    ]


def _shares_beyond(
    rows: Sequence[Row], distribution: LengthDistribution, objective: str
) -> dict[str, float]:
    """Return the share of the samples beyond the tipping point of each variant that has one."""
    return {
        _family(row): distribution.share_beyond(row["tipping_point"])
        for row in _crossings(rows, objective)
        if row["tipping_point"] is not None
    }


def _family(row: Mapping[str, Any]) -> str:
    from profiling.analysis.groups import family_of

    return family_of(row["efficient"], row["attention_window"], row["checkpoint"])


def _would_change(
    rows: Sequence[Row], distribution: LengthDistribution, objective: str
) -> list[str]:
    """Say which tipping point longer data would meet next."""
    (middle,) = distribution.quantiles([0.5])
    above = [
        (row["tipping_point"], _family(row))
        for row in _crossings(rows, objective)
        if row["tipping_point"] is not None and row["tipping_point"] > middle
    ]
    if not above:
        return []
    point, family = min(above)
    return [
        f"longer data would change the answer: half of the samples are shorter than {middle:,}, "
        f"and {family} begins to win at {point:,.0f} {distribution.unit}"
    ]


def _ceiling(
    judged: Sequence[Judged],
    modality: str,
    distribution: LengthDistribution,
    wanted: Wanted,
    chosen: Judged | None,
) -> float | None:
    """Return the share of the vanilla one's cost on these data that attention takes."""
    if chosen is None or wanted.objective != "latency":
        return None
    variant = VARIANTS[modality].get(chosen.candidate.measured.contender.variant)
    name = _vanilla_name(chosen.candidate, modality)
    if variant is None or not variant.attention_only:
        return None
    for each in judged:
        if each.candidate.measured.contender.variant == name:
            return _mean_share(each.candidate.measured, distribution)
    return None


def _mean_share(measured: Measured, distribution: LengthDistribution) -> float | None:
    known = {length: attention_share(rows) for length, rows in sorted(measured.points.items())}
    shares = {length: share for length, share in known.items() if share is not None}
    if not shares or measured.model is None:
        return None
    values = np.asarray(distribution.values, dtype=np.float64)
    cost = measured.model.predict(distribution.values, [1] * len(values)).mean(axis=0)
    weights = cost * np.asarray(distribution.counts)
    at = np.interp(np.log(values), np.log([*shares]), [*shares.values()])
    return float(np.average(at, weights=weights))
