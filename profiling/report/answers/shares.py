"""What share of real data lies beyond the tipping points, in sentences."""

from collections.abc import Iterable, Sequence

from datamodules.counted import counted
from datamodules.lengths import LengthDistribution
from profiling.analysis.answers.shares import winning_share
from profiling.analysis.answers.verdicts import shown_value
from profiling.analysis.points.axes import unit_of
from profiling.analysis.points.maximum import maximum_on_axis, rounding_words
from profiling.report.answers.sentences import BEST, winners_of
from profiling.report.lengths import number_text
from profiling.report.palette import efficient_family
from profiling.report.rounding import percent_of
from profiling.report.vanilla_models import vanilla_told
from profiling.rows.columns import Row, judged_columns

LEAST = 0.01  # below it a share that is not nothing is not told exactly


def share_sentences(
    rows: Iterable[Row], distributions: Iterable[LengthDistribution]
) -> tuple[str, ...]:
    """Return a sentence per data set: how many of its samples are long enough for each winner.

    Args:
        rows: Tipping points of one modality, phase and setting.
        distributions: Lengths of real data of that modality.
    """
    metric = next(iter(judged_columns()))
    winners = winners_of(
        row for row in rows if (row.get("comparison"), row["metric"]) == (BEST, metric)
    )
    return tuple(_sentence(data, winners, metric) for data in distributions if winners)


def _sentence(data: LengthDistribution, winners: Sequence[Row], metric: str) -> str:
    unit = unit_of(winners[0])
    first, *others = winners
    rounding = rounding_words(data.modality)
    are = f"are, {rounding}," if rounding else "are"
    parts = [
        f"{_share(data, first)} {are} at least {number_text(shown_value(first), first)}"
        f"{_within(first)} {unit} long, from where {efficient_family(first)} wins"
        f"{vanilla_told(first, ' over ')}",
        *(
            f"{_share(data, row)} at least {number_text(shown_value(row), row)}{_within(row)} "
            f"({efficient_family(row)}{vanilla_told(row, ' over ')})"
            for row in others
        ),
    ]
    about = f"{metric.capitalize()}: of the {counted(data.count, 'sample')} of {data.name}"
    return f"{about} {'; '.join(parts)}."


def _share(data: LengthDistribution, row: Row) -> str:
    """Return the share, with that at both ends of the tipping point's interval."""
    found = winning_share(data, row)
    share = _percent(found.share)
    if found.high is None:
        return f"at least {share}"
    ends = [_percent(found.low), _percent(found.high)]
    return share if set(ends) == {share} else f"{share} [{ends[0]} to {ends[1]}]"


def _within(row: Row) -> str:
    longest = maximum_on_axis(row)
    return "" if longest is None else f" and at most {number_text(longest, row)}"


def _percent(share: float) -> str:
    if 0 < share < LEAST:
        return f"under {100 * LEAST:.0f} %"
    return percent_of(share)
