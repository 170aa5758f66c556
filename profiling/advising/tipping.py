"""Where the data lie beside the tipping points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datamodules.lengths import LengthDistribution
from datamodules.modality import find_modality
from profiling.advising.candidates import Candidate
from profiling.advising.contenders import Measured, Wanted
from profiling.advising.qualities.published import VANILLA
from profiling.analysis.answers.shares import winning_share
from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.answers.verdicts import WITH_VALUE
from profiling.analysis.points.axes import on_axis_of_sweep
from profiling.analysis.points.groups import Contender
from profiling.rows.columns import Row

Model = tuple[str, int | None, str | None]
"""Variant, window and checkpoint: what all implementations of the same mathematics share."""


@dataclass(frozen=True)
class TippingPoint:
    """From where on a model wins over the vanilla one, and what share of the samples is so long.

    Lengths are those of a sweep, as the data have them. They and the shares are None where it does
    not win for good. Samples that the model does not take are in no share.

    Args:
        vanilla: The variant that it is compared with, each side with its best kernel.
        verdict: One of those in `docs/method.md`, section 6.
        tipping_point: Where it begins to win.
        ci_low: The lower end of its 95 % interval.
        ci_high: The upper end.
        at_most: Whether it may win earlier: it surely does from `ci_high` on alone.
        longest_measured: The longest length that was compared.
        reason: Why it is undecided.
        batch_sizes: In batches of which sizes the two were compared, ascending; empty where rows do
            not tell.
        share_beyond: Share of the samples from where it is said to win.
        share_low: The same at the upper end.
        share_high: The same at the lower end; None with `at_most`, since there is no such end.
    """

    vanilla: str
    verdict: str
    tipping_point: float | None
    ci_low: float | None
    ci_high: float | None
    at_most: bool
    longest_measured: int | None
    reason: str | None
    batch_sizes: list[int]
    share_beyond: float | None
    share_low: float | None
    share_high: float | None

    @property
    def begins(self) -> float | None:
        """From where on it is said to win."""
        return self.ci_high if self.at_most else self.tipping_point


def model_of(contender: Contender) -> Model:
    """Return of which model a contender is an implementation."""
    return contender.variant, contender.attention_window, contender.checkpoint


def find_points(
    rows: Sequence[Row], distribution: LengthDistribution, objective: str
) -> dict[Model, TippingPoint]:
    """Return what the run says of each model that was compared with its vanilla one.

    Args:
        rows: Measurements under the conditions of the advice.
        distribution: Lengths at which the data are computed.
        objective: Of the comparison.
    """
    asked = (
        on_axis_of_sweep(row)
        for row in find_tipping_points(rows)
        if row["metric"] == objective and row["comparison"] == "best_vs_best"
    )
    return {
        (row["efficient"], row["attention_window"], row["checkpoint"]): _point(
            row, distribution, _batch_sizes(rows, row)
        )
        for row in asked
    }


def _point(row: Row, distribution: LengthDistribution, batch_sizes: list[int]) -> TippingPoint:
    found = winning_share(distribution, row) if row["verdict"] in WITH_VALUE else None
    names = (
        *("vanilla", "verdict", "tipping_point", "ci_low", "ci_high", "at_most"),
        *("longest_measured", "reason"),
    )
    return TippingPoint(
        **{name: row[name] for name in names},
        batch_sizes=batch_sizes,
        share_beyond=found.share if found else None,
        share_low=found.low if found else None,
        share_high=found.high if found else None,
    )


def _batch_sizes(rows: Sequence[Row], point: Row) -> list[int]:
    """Return the batch sizes at which the two sides of a tipping point were measured."""
    if point["metric"] != "throughput":
        return [1]
    sides = [row for row in rows if row["variant"] in (point["vanilla"], point["efficient"])]
    sizes = (row.get("throughput_batch_size") for row in sides)
    return sorted({size for size in sizes if size is not None})


def would_change(
    points: Mapping[Model, TippingPoint],
    distribution: LengthDistribution,
    wanted: Wanted,
    chosen: Candidate,
    candidates: Sequence[Candidate],
) -> list[str]:
    """Say which tipping point longer data, or shorter ones, would meet next.

    Args:
        points: Of each model.
        distribution: Lengths at which the data are computed.
        wanted: The batch size, and what samples are cut to: no data are longer.
        chosen: What is taken.
        candidates: All of them.
    """
    contender = chosen.measured.contender
    (middle,) = distribution.quantiles([0.5])
    able = [each.measured for each in candidates if not each.problems]
    points = {model: each for model, each in points.items() if _decides(each, wanted, able)}
    if (ours := points.get(model_of(contender))) is not None:
        return _shorter(ours, contender, middle, distribution.unit)
    most = find_modality(distribution.modality).round_length(wanted.max_length or 0)
    # Who begins to win over another vanilla one may still cost more than the one that is taken.
    above = [
        (point.begins, each.contender.family)
        for each in able
        if (point := points.get(model_of(each.contender))) and point.vanilla == contender.variant
        if point.begins is not None and middle < point.begins <= (most or point.begins)
    ]
    if not above:
        return []
    begins, family = min(above)
    return [
        f"longer data would change the answer: half of the samples have at most {middle:,}, and "
        f"{family} begins to win over {contender.variant} at {begins:,.0f} {distribution.unit}"
    ]


def _decides(point: TippingPoint, wanted: Wanted, able: Sequence[Measured]) -> bool:
    """Tell whether the answer is known to change where a model begins to win.

    What is so in batches of other sizes tells nothing. Where another vanilla one is foreseen to
    cost less at that length, a win over its own vanilla one changes nothing there.
    """
    if point.begins is None or point.batch_sizes != [wanted.batch_size]:
        return False
    step = [point.begins], [wanted.batch_size]
    foreseen = [
        (float(one.model.predict(*step).mean()), one.contender.variant)
        for one in able
        if one.model and one.contender.variant in VANILLA
    ]
    return min(foreseen, default=(0.0, point.vanilla))[1] == point.vanilla


def _shorter(ours: TippingPoint, contender: Contender, middle: int, unit: str) -> list[str]:
    """Say from where on an efficient one that is taken wins, where it loses below that."""
    loses_below = ours.verdict in ("crosses", "several") and not ours.at_most
    if not loses_below or ours.tipping_point is None or ours.tipping_point > middle:
        return []
    return [
        f"shorter data would change the answer: half of the samples have at least {middle:,}, and "
        f"{contender.family} begins to win over {ours.vanilla} at {ours.tipping_point:,.0f} {unit}"
    ]
