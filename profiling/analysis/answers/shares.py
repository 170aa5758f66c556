"""What share of the samples of a data set is so long that a variant wins."""

from dataclasses import dataclass

from datamodules.lengths import LengthDistribution
from profiling.analysis.answers.verdicts import shown_value
from profiling.analysis.points.axes import on_axis_of_sweep
from profiling.analysis.points.maximum import share_taken
from profiling.rows.columns import Row


@dataclass(frozen=True)
class WinningShare:
    """Shares of the samples, between 0 and 1, without those that the variant does not take.

    Args:
        share: From where it is said to win.
        low: From the upper end of the interval of that.
        high: From the lower end; None where it may win earlier still, so that the share is at
            least this.
    """

    share: float
    low: float
    high: float | None


def winning_share(data: LengthDistribution, row: Row) -> WinningShare:
    """Return what share of a data set lies beyond a tipping point, with that at both ends.

    Args:
        data: Lengths in those of a sweep.
        row: A tipping point row with a verdict of `WITH_VALUE`.
    """
    row = on_axis_of_sweep(row)

    def beyond(length: float) -> float:
        return share_taken(data, str(row["modality"]), str(row["efficient"]), length)

    high = None if row.get("at_most") else beyond(float(row["ci_low"]))
    return WinningShare(beyond(shown_value(row)), beyond(float(row["ci_high"])), high)
