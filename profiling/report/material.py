"""What a report is made of, worked out once for all of its parts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.analysis.points.axes import on_axis_of_sweep
from profiling.analysis.points.checkpoints import short_names, with_names
from profiling.analysis.points.components import ComponentCurve, component_curves
from profiling.analysis.points.curves import Curve, build_curves
from profiling.analysis.points.drift import Steadiness, judge_steadiness
from profiling.report.answers.sections import Section
from profiling.report.cautions import cautions_of
from profiling.report.palette import Styles
from profiling.report.vanilla_models import with_vanilla_marked
from profiling.rows.columns import Row
from profiling.rows.data_lengths import distributions_of


@dataclass(frozen=True)
class Material:
    """Everything that page, figures and event files show.

    Args:
        rows: The measurements, oldest first.
        curves: What they make.
        tipping_points: The answers, by comparison and metric, in the lengths of the sweep: in
            these charts show all variants of a modality.
        sections: The same in words.
        styles: How everything is drawn.
        distributions: Lengths of real data.
        manifest: The run's manifest.
        steadiness: What the sentinel says of the machine.
        components: Where the time of a step goes, where something was broken down.
        frontier: What was searched of the largest batches and lengths.
        ladder: The answers against each vanilla kernel, in these lengths too.
        checkpoint_names: What readers call the checkpoints of the run.
        made_with: The settings that made it, in words; empty where it is as a sweep makes it.
        left_out: Sentences about rows of the run that do not count any more.
    """

    rows: Sequence[Row]
    curves: Sequence[Curve]
    tipping_points: Sequence[Row]
    sections: Sequence[Section]
    styles: Styles
    distributions: Sequence[LengthDistribution]
    manifest: Mapping[str, Any]
    steadiness: Steadiness
    components: Sequence[ComponentCurve] = ()
    frontier: Sequence[Row] = ()
    ladder: Sequence[Row] = ()
    checkpoint_names: Mapping[str, str] = field(default_factory=dict)
    made_with: str = ""
    left_out: Sequence[str] = ()

    @property
    def cautions(self) -> list[str]:
        """Return what to know of the machine and of the rows before the answers."""
        told = cautions_of(self.rows, self.steadiness, self.manifest.get("left_alone", ()))
        return [*told, *self.left_out]

    @classmethod
    def of(
        cls,
        rows: Iterable[Row],
        tipping_points: Sequence[Row],
        sections: Sequence[Section],
        manifest: Mapping[str, Any],
        readings: Iterable[Row] = (),
        frontier: Sequence[Row] = (),
    ) -> "Material":
        """Work out what the parts share.

        Args:
            rows: The measurements that count, oldest first.
            tipping_points: The answers.
            sections: The answers in words.
            manifest: The run's manifest.
            readings: Of the run's sentinel, oldest first.
            frontier: What was searched of the largest batches and lengths.
        """
        measured = list(rows)
        names = short_names([*measured, *tipping_points])
        rows, tipping_points, readings, frontier = (
            with_names(each, names) for each in (measured, tipping_points, readings, frontier)
        )
        curves = build_curves(rows)
        return cls(
            rows,
            curves,
            [on_axis_of_sweep(row) for row in with_vanilla_marked(tipping_points)],
            sections,
            Styles.of(curves, tipping_points),
            distributions_of(manifest),
            manifest,
            judge_steadiness(readings, tipping_points),
            component_curves(rows),
            frontier,
            checkpoint_names=names,
        )

    def beside(
        self,
        ladder: Sequence[Row],
        distributions: Sequence[LengthDistribution] = (),
        made_with: str = "",
        left_out: Sequence[str] = (),
    ) -> "Material":
        """Return the same with what stands beside the answers.

        Args:
            ladder: The answers against each vanilla kernel.
            distributions: Lengths of real data that the run was not measured on.
            made_with: The settings that made it, in words.
            left_out: Sentences about rows of the run that do not count any more.
        """
        drawn = [*self.distributions, *distributions]
        named = with_names(ladder, self.checkpoint_names)
        rungs = [on_axis_of_sweep(row) for row in with_vanilla_marked(named)]
        return replace(
            self, ladder=rungs, distributions=drawn, made_with=made_with, left_out=left_out
        )
