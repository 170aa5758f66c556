"""What share of real data is long enough for each winner, as a table of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from datamodules.lengths import LengthDistribution
from profiling.analysis.answers.shares import winning_share
from profiling.analysis.answers.verdicts import WITH_VALUE, shown_value
from profiling.report.answers.verdicts import describe_comparison
from profiling.report.lengths import own_text
from profiling.report.palette import efficient_family
from profiling.report.rounding import percent_of
from profiling.rows.columns import Row


@dataclass(frozen=True)
class Share:
    """How many samples of a data set lie beyond a tipping point and are not too long.

    Args:
        data: Name of the data set.
        phase: Of the answer.
        metric: Of the answer.
        efficient: What wins.
        comparison: What was compared with what.
        wins_from: From which length on, with its unit, as the answer says it.
        share: Of the samples that are so long.
    """

    data: str
    phase: str
    metric: str
    efficient: str
    comparison: str
    wins_from: str
    share: str


def shares_of(rows: Sequence[Row], distributions: Sequence[LengthDistribution]) -> list[Share]:
    """Return a share per data set and answer with a winner.

    Args:
        rows: Answers of one modality and setting, in the lengths of the sweep, as the data are.
        distributions: Lengths of real data of that modality.
    """
    return [
        _share(distribution, row)
        for distribution in distributions
        for row in rows
        if row["verdict"] in WITH_VALUE
    ]


def _share(data: LengthDistribution, row: Row) -> Share:
    length = shown_value(row)
    found = winning_share(data, row)
    at_most = found.high is None
    return Share(
        data=data.name,
        phase=str(row["phase"]),
        metric=str(row["metric"]),
        efficient=efficient_family(row),
        comparison=describe_comparison(row),
        wins_from=f"{'at most ' * at_most}{own_text(length, row)}",
        share=f"{'at least ' * at_most}{percent_of(found.share, 1)}",
    )
