"""Where the data lie beside the tipping points."""

from collections.abc import Mapping, Sequence
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.advising.candidates import Candidate
from profiling.advising.contenders import Wanted
from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.answers.verdicts import wins_from
from profiling.analysis.points.axes import on_axis_of_sweep
from profiling.analysis.points.groups import Contender, family_of
from profiling.analysis.points.maximum import share_taken
from profiling.rows.columns import Row

Model = tuple[str, int | None, str | None]
"""Variant, window and checkpoint: what all implementations of the same mathematics share."""


def model_of(contender: Contender) -> Model:
    """Return of which model a contender is an implementation."""
    return contender.variant, contender.attention_window, contender.checkpoint


def _model(row: Row) -> Model:
    return row["efficient"], row["attention_window"], row["checkpoint"]


def _crossings(rows: Sequence[Row], objective: str) -> list[tuple[Row, float]]:
    """Return the rows whose efficient side wins from some length on, and that length."""
    asked = (
        on_axis_of_sweep(row)
        for row in find_tipping_points(rows)
        if row["metric"] == objective and row["comparison"] == "best_vs_best"
    )
    return [(row, begins) for row in asked if (begins := wins_from(row)) is not None]


def shares_beyond(
    rows: Sequence[Row], distribution: LengthDistribution, objective: str
) -> dict[Model, float]:
    """Return the share of the samples beyond the tipping point of each model that has one.

    Samples that the variant does not take are left out.
    """
    return {
        _model(row): share_taken(distribution, row["modality"], row["efficient"], begins)
        for row, begins in _crossings(rows, objective)
    }


def _family(row: Mapping[str, Any]) -> str:
    return family_of(row["efficient"], row["attention_window"], row["checkpoint"])


def would_change(
    rows: Sequence[Row],
    distribution: LengthDistribution,
    wanted: Wanted,
    chosen: Candidate,
    candidates: Sequence[Candidate],
) -> list[str]:
    """Say which tipping point longer data would meet next, where vanilla is what to take.

    Only those over the vanilla variant that is taken count, of variants that could be taken: who
    begins to win over another one may still cost more than this one does.

    Args:
        rows: Measurements under the conditions of the advice.
        distribution: Lengths of the data.
        wanted: Its objective counts, and what samples are cut to: no data are longer.
        chosen: The vanilla candidate that is taken.
        candidates: All of them.
    """
    usable = {model_of(each.measured.contender) for each in candidates if not each.problems}
    vanilla = chosen.measured.contender.variant
    (middle,) = distribution.quantiles([0.5])
    above = [
        (begins, _family(row))
        for row, begins in _crossings(rows, wanted.objective)
        if row["vanilla"] == vanilla
        and _model(row) in usable
        and middle < begins <= (wanted.max_length or begins)
    ]
    if not above:
        return []
    point, family = min(above)
    return [
        f"longer data would change the answer: half of the samples have at most {middle:,}, "
        f"and {family} begins to win at {point:,.0f} {distribution.unit}"
    ]
