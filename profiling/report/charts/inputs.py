"""What a chart of measurements is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.analysis.points.axes import axis_unit
from profiling.analysis.points.curves import Curve
from profiling.report.answers.verdicts import describe_comparison
from profiling.report.palette import Styles
from profiling.report.vanilla_models import vanilla_told
from profiling.rows.columns import Column, Row

Trace = dict[str, Any]


@dataclass(frozen=True)
class ChartInput:
    """All that one chart shows: one metric of one modality, phase and setting."""

    modality: str
    column: Column
    curves: Sequence[Curve]
    tipping_points: Sequence[Row]
    distributions: Sequence[LengthDistribution]
    styles: Styles

    @property
    def unit(self) -> str:
        """Return the unit of the axis."""
        return axis_unit(self.modality)


def length_range(chart: ChartInput) -> tuple[float, float]:
    """Return the ends of the axis: all lengths measured and nearly all lengths of the data."""
    lengths = [float(point.length) for curve in chart.curves for point in curve.points]
    for distribution in chart.distributions:
        lengths += distribution.quantiles((0.005, 0.995))
    return min(lengths) / 1.18, max(lengths) * 1.18


def comparison_choice(row: Row) -> str:
    """Return which choice of the page's selector shows a tipping point row."""
    if row.get("comparison") == "pair":
        return f"{row.get('efficient')} {describe_comparison(row)}"
    return f"{row.get('comparison')}{vanilla_told(row, ' of ')}"
