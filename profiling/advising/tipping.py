"""Where the data lie beside the tipping points."""

from collections.abc import Mapping, Sequence
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.advising.candidates import Candidate
from profiling.advising.contenders import Wanted
from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.points.axes import on_axis_of_sweep
from profiling.analysis.points.groups import family_of
from profiling.analysis.points.maximum import share_taken
from profiling.rows.columns import Row


def _crossings(rows: Sequence[Row], objective: str) -> list[Row]:
    return [
        on_axis_of_sweep(row)
        for row in find_tipping_points(rows)
        if row["metric"] == objective and row["comparison"] == "best_vs_best"
    ]


def shares_beyond(
    rows: Sequence[Row], distribution: LengthDistribution, objective: str
) -> dict[str, float]:
    """Return the share of the samples beyond the tipping point of each variant that has one.

    Samples that the variant does not take are left out.
    """
    return {
        _family(row): share_taken(
            distribution, row["modality"], row["efficient"], row["tipping_point"]
        )
        for row in _crossings(rows, objective)
        if row["tipping_point"] is not None
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
    usable = {each.measured.contender.family for each in candidates if not each.problems}
    vanilla = chosen.measured.contender.variant
    (middle,) = distribution.quantiles([0.5])
    above = [
        (row["tipping_point"], _family(row))
        for row in _crossings(rows, wanted.objective)
        if row["tipping_point"] is not None
        and row["vanilla"] == vanilla
        and _family(row) in usable
        and middle < row["tipping_point"] <= (wanted.max_length or row["tipping_point"])
    ]
    if not above:
        return []
    point, family = min(above)
    return [
        f"longer data would change the answer: half of the samples have at most {middle:,}, "
        f"and {family} begins to win at {point:,.0f} {distribution.unit}"
    ]
