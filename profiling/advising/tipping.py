"""Where the data lie beside the tipping points."""

from collections.abc import Sequence

from datamodules.lengths import LengthDistribution
from datamodules.modality import find_modality
from profiling.advising.candidates import Candidate
from profiling.advising.contenders import Wanted
from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.answers.verdicts import WITH_VALUE, shown_value
from profiling.analysis.points.axes import on_axis_of_sweep
from profiling.analysis.points.groups import Contender
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
    return [(row, shown_value(row)) for row in asked if row["verdict"] in WITH_VALUE]


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
        distribution: Lengths at which the data are computed.
        wanted: Its objective counts, and what samples are cut to: no data are longer.
        chosen: The vanilla candidate that is taken.
        candidates: All of them.
    """
    contenders = [each.measured.contender for each in candidates if not each.problems]
    names = {model_of(each): each.family for each in contenders}
    vanilla = chosen.measured.contender.variant
    (middle,) = distribution.quantiles([0.5])
    most = find_modality(distribution.modality).round_length(wanted.max_length or 0)
    above = [
        (begins, names[_model(row)])
        for row, begins in _crossings(rows, wanted.objective)
        if row["vanilla"] == vanilla
        and _model(row) in names
        and middle < begins <= (most or begins)
    ]
    if not above:
        return []
    point, family = min(above)
    return [
        f"longer data would change the answer: half of the samples have at most {middle:,}, "
        f"and {family} begins to win at {point:,.0f} {distribution.unit}"
    ]
