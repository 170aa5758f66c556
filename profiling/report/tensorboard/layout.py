"""What *Custom Scalars* of TensorBoard shows: one card per metric, all variants in it."""

from collections.abc import Iterable, Sequence

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as layout_metadata

from profiling.analysis.points.components import CORE, ComponentCurve
from profiling.analysis.points.curves import Curve
from profiling.report.tensorboard.components import CEILING, SHARE
from profiling.rows.columns import drawn_columns

HINT = "by length: set Smoothing to 0, clear Ignore outliers"


def layout_of(curves: Sequence[Curve], components: Sequence[ComponentCurve]) -> Summary | None:
    """Return a group of cards per modality and phase; None where nothing was measured.

    A card has the curves of every contender, so only what was measured has one.

    Args:
        curves: What was measured.
        components: Where the time of a step goes, where something was broken down.
    """
    places = dict.fromkeys((curve.modality, curve.phase) for curve in curves)
    groups = {
        (modality, phase): [
            *_measured(modality, phase, curves),
            *_broken_down(modality, phase, components),
        ]
        for modality, phase in places
    }
    categories = [
        layout_pb2.Category(title=f"{modality}, {phase}, {HINT}", chart=charts)
        for (modality, phase), charts in groups.items()
        if charts
    ]
    return _as_summary(layout_pb2.Layout(category=categories)) if categories else None


def _measured(modality: str, phase: str, curves: Iterable[Curve]) -> list[layout_pb2.Chart]:
    here = [curve for curve in curves if (curve.modality, curve.phase) == (modality, phase)]
    return [
        _chart(f"{modality}, {phase}: {column.name}", f"{modality}/{phase}/{column.name}")
        for column in drawn_columns()
        if any(curve.measured(column.name) for curve in here)
    ]


def _broken_down(
    modality: str, phase: str, components: Iterable[ComponentCurve]
) -> list[layout_pb2.Chart]:
    groups = (curve.group for curve in components if curve.points)
    if not any((group.modality, group.phase) == (modality, phase) for group in groups):
        return []
    place, title = f"{modality}/{phase}", f"{modality}, {phase}"
    core = f"{place}/({SHARE}/{CORE}|{CEILING})"
    return [
        _chart(f"{title}: attention and ceiling, share of the step", core),
        _chart(f"{title}: all components, share of the step", f"{place}/{SHARE}/.*"),
    ]


def _chart(title: str, tags: str) -> layout_pb2.Chart:
    lines = layout_pb2.MultilineChartContent(tag=[f"^{tags}$"])
    return layout_pb2.Chart(title=title, multiline=lines)


def _as_summary(layout: layout_pb2.Layout) -> Summary:
    tensor = TensorProto(dtype=DT_STRING, string_val=[layout.SerializeToString()])
    about = layout_metadata.create_summary_metadata()
    value = Summary.Value(tag=layout_metadata.CONFIG_SUMMARY_TAG, tensor=tensor, metadata=about)
    return Summary(value=[value])
