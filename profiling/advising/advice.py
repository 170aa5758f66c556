"""From the rows of a run and the lengths of a data set to a recommendation."""

from collections.abc import Sequence
from typing import NoReturn

from datamodules.lengths import LengthDistribution
from profiling.advising.answer import alternative_of, answer_of
from profiling.advising.between_runs import Advised
from profiling.advising.candidates import Candidate, find_candidates
from profiling.advising.ceiling import find_ceiling
from profiling.advising.choosing import best_efficient, choose, compared_with, is_vanilla, judge
from profiling.advising.contenders import Measured, Wanted, measure
from profiling.advising.cut_lengths import computed_lengths
from profiling.advising.measured_quality import MeasuredQuality
from profiling.advising.newest import Newest, describe_conditions, find_conditions
from profiling.advising.notes import notes_of
from profiling.advising.quality_notes import notes_of_quality, where_others_stand
from profiling.advising.tipping import model_of, shares_beyond, would_change
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
        wanted: Objective, phase, batch size and limits.
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
    beyond = shares_beyond(newest.rows, seen, wanted.objective)
    family = best_efficient(judged, modality) if is_vanilla(chosen, modality) else chosen
    ceiling, unknown_ceiling = find_ceiling(family, modality, seen, wanted)
    taken = chosen.candidate if chosen else None
    told_for = family.candidate.measured.contender if family else None
    answer = answer_of(chosen, verdict, modality, wanted) | {
        "share_beyond": beyond.get(model_of(told_for)) if told_for else None,
        "share_beyond_of": told_for.family if told_for else None,
        "ceiling": ceiling,
        "alternatives": [
            alternative_of(each, beyond, qualities) for each in judged if each is not chosen
        ],
        "notes": [
            *notes_of_quality(taken, measured, qualities),
            *conditions,
            *notes_of(taken, measured, candidates, seen, wanted),
            *unknown_ceiling,
            *where_others_stand(taken, candidates),
            *compared_with(judged, modality),
            *(
                would_change(newest.rows, seen, wanted, taken, candidates)
                if taken and is_vanilla(chosen, modality)
                else ()
            ),
        ],
    }
    return Advised(answer, newest.group.setting, taken)


def _what_answers(
    rows: Sequence[Row], distribution: LengthDistribution, wanted: Wanted
) -> tuple[Newest, list[Measured], list[Candidate], list[str]]:
    """Return the newest conditions that can answer, who was measured there, and notes on others.

    A sweep that was stopped after a minute must not hide what was measured before it.

    Raises:
        SettingsError: Nothing was measured, or no conditions can answer; it is of the newest ones.
    """
    known = find_conditions(rows, distribution.modality, wanted.phase)
    if not known:
        _refuse_unmeasured(rows, distribution.modality, wanted.phase)
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
    if wanted.budget_gib is not None and all(each.peak_mib is None for each in candidates):
        raise SettingsError(
            "`budget_gib` must have a run to check it with that measured memory, got one without: "
            "sweep with memory among its `metrics`"
        )
    return candidates
