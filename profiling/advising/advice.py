"""From the rows of a run and the lengths of a data set to a recommendation."""

from collections.abc import Sequence
from typing import NoReturn

from datamodules.lengths import LengthDistribution
from profiling.advising.answer import Facts, asked_of, name_of, samples_of
from profiling.advising.between_runs import Advised
from profiling.advising.candidates import Candidate, find_candidates
from profiling.advising.ceiling import find_ceiling
from profiling.advising.choosing import best_efficient, choose, compared_with, is_vanilla, judge
from profiling.advising.contenders import Measured, Wanted, measure
from profiling.advising.cut_lengths import computed_lengths
from profiling.advising.newest import (
    Newest,
    choose_conditions,
    describe_conditions,
    find_conditions,
)
from profiling.advising.notes import notes_of
from profiling.advising.qualities.measured import MeasuredQuality
from profiling.advising.qualities.notes import notes_of_quality, where_others_stand
from profiling.advising.tipping import find_points, would_change
from profiling.analysis.points.checkpoints import short_names, with_names
from profiling.errors import SettingsError
from profiling.rows.columns import Row


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
        wanted: Objective, phase, batch size, limits and conditions.
        qualities: What runs of one's own found the variants to keep or lose.

    Raises:
        SettingsError: Nothing was measured of this modality and phase, or too little.
    """
    modality = distribution.modality
    rows = with_names(rows, short_names(rows))
    newest, measured, candidates, conditions = _what_answers(rows, distribution, wanted)
    judged = judge(candidates, modality)
    chosen, verdict = choose(judged, modality)
    seen = computed_lengths(distribution, wanted.max_length)
    points = find_points(newest.rows, seen, wanted.objective)
    family = best_efficient(judged, modality) if is_vanilla(chosen, modality) else chosen
    ceiling, untold_ceiling = find_ceiling(family, modality, seen, wanted)
    taken = chosen.candidate if chosen else None
    samples = None if wanted.objective == "memory" else samples_of(distribution)
    facts = Facts(samples, points, qualities)
    answer = {
        **asked_of(distribution, wanted),
        "recommended": name_of(taken) if taken else None,
        **facts.of(chosen),
        "verdict": verdict,
        # Beside a vanilla one that is kept: of the efficient one that would be taken first.
        **{name: facts.of(family)[name] for name in ("tipping_point", "share_beyond")},
        "share_beyond_of": family.candidate.measured.contender.family if family else None,
        "ceiling": ceiling,
        "alternatives": [
            name_of(each.candidate) | facts.of(each) for each in judged if each is not chosen
        ],
        "notes": [
            *notes_of_quality(taken, measured, qualities),
            *conditions,
            *notes_of(taken, measured, candidates, seen, wanted),
            *untold_ceiling,
            *where_others_stand(taken, candidates),
            *compared_with(judged, modality),
            *(would_change(points, seen, wanted, taken, candidates) if taken else ()),
        ],
    }
    return Advised(answer, newest.group.setting, taken)


def _what_answers(
    rows: Sequence[Row], distribution: LengthDistribution, wanted: Wanted
) -> tuple[Newest, list[Measured], list[Candidate], list[str]]:
    """Return the newest conditions that can answer, who was measured there, and notes on others.

    A sweep that was stopped after a minute must not hide what was measured before it.

    Raises:
        SettingsError: Nothing was measured that is asked for, or no conditions can answer; it is of
            the newest ones.
    """
    known = find_conditions(rows, distribution.modality, wanted.phase)
    if not known:
        _refuse_unmeasured(rows, distribution.modality, wanted.phase)
    known = choose_conditions(known, wanted.precision, wanted.device)
    problems: list[SettingsError] = []
    for newest in known:
        measured = measure(newest, wanted)
        try:
            candidates = _candidates_of(measured, distribution, wanted)
        except SettingsError as problem:
            problems.append(problem)
        else:
            notes = describe_conditions(known, [str(each) for each in problems])
            return newest, measured, candidates, notes
    raise problems[0]


def _refuse_unmeasured(rows: Sequence[Row], modality: str, phase: str) -> NoReturn:
    known = sorted({f"{row['modality']} in {row['phase']}" for row in rows})
    raise SettingsError(
        f"`lengths` and `phase` must be of what the run measured ({', '.join(known)}), "
        f"got {modality} in {phase}"
    )


def _candidates_of(
    measured: Sequence[Measured], distribution: LengthDistribution, wanted: Wanted
) -> list[Candidate]:
    candidates = find_candidates(measured, distribution, wanted)
    if not candidates:
        reasons = "; ".join(f"{m.contender.label}: {m.reason}" for m in measured)
        raise SettingsError(f"the run must have enough lengths to advise from, but {reasons}")
    if _are_never_batched(candidates, wanted):
        raise SettingsError(
            "`batch_size` must be 1 for a run that measured single samples alone, got "
            f"{wanted.batch_size}: sweep with throughput among its `metrics` and a larger "
            "`max_batch_size`"
        )
    if wanted.budget_gib is not None and all(each.peak_mib is None for each in candidates):
        raise SettingsError(
            "`budget_gib` must have a run to check it with that measured memory, got one without: "
            "sweep with memory among its `metrics`"
        )
    return candidates


def _are_never_batched(candidates: Sequence[Candidate], wanted: Wanted) -> bool:
    """Tell whether batches are asked for of whose time nothing was measured."""
    if wanted.batch_size == 1 or wanted.objective == "memory":
        return False
    models = [each.measured.model for each in candidates]
    return all(model is None or model.largest_batch == 1 for model in models)
