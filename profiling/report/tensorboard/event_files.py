"""The same curves for TensorBoard, with the sequence length as the step."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text import metadata as text_metadata
from tensorboard.summary.writer.record_writer import RecordWriter

from profiling.analysis.points.curves import Curve
from profiling.analysis.points.groups import Contender, Setting, free_name, safe_name
from profiling.report.markdown import escape_markdown
from profiling.report.material import Material
from profiling.report.table import sections_as_markdown
from profiling.report.tensorboard.components import (
    Scalar,
    by_place,
    ceiling_scalars,
    component_scalars,
)
from profiling.report.tensorboard.conditions import conditions_of, plan_of
from profiling.report.tensorboard.layout import layout_of
from profiling.rows.columns import drawn_columns

ANSWERS = "answers"  # the run that holds the table and the figures
NOTE = (
    "A step is a length, not a moment: set *Smoothing* to 0 and clear *Ignore outliers*, which "
    "leaves curves out. *Show actual image size* makes the figures readable."
)


class EventFile:
    """One event file, written with TensorBoard's own record format.

    Every build gives it a new name, so that a running TensorBoard takes it for the new file it is.
    """

    def __init__(self, directory: Path, now: float) -> None:
        """Create the file in a run's folder."""
        directory.mkdir(parents=True, exist_ok=True)
        self.now = now
        self._file = (directory / f"events.out.tfevents.{now:.6f}.report").open("xb")
        self._records = RecordWriter(self._file)
        self._records.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())

    def add_scalar(self, tag: str, value: float, step: int, description: str = "") -> None:
        """Add one point of a curve."""
        about = scalar_metadata.create_summary_metadata(tag, description)
        self._add_tensor(tag, TensorProto(dtype=DT_FLOAT, float_val=[value]), about, step)

    def add_scalars(self, scalars: Iterable[Scalar]) -> None:
        """Add the points of several curves."""
        for scalar in scalars:
            self.add_scalar(scalar.tag, scalar.value, scalar.length, scalar.about)

    def add_text(self, tag: str, markdown: str) -> None:
        """Add a text that is shown as markdown."""
        about = text_metadata.create_summary_metadata(tag, "")
        self._add_tensor(
            tag, TensorProto(dtype=DT_STRING, string_val=[markdown.encode()]), about, 0
        )

    def add_image(self, tag: str, png: bytes) -> None:
        """Add a picture."""
        about = image_metadata.create_summary_metadata(tag, "", converted_to_tensor=True)
        # The plugin's form of one picture: width and height as text, then the file.
        size = [str(int.from_bytes(png[start : start + 4])).encode() for start in (16, 20)]
        self._add_tensor(tag, _strings([*size, png]), about, 0)

    def add_summary(self, summary: Summary, step: int = 0) -> None:
        """Add a summary as it is."""
        event = Event(wall_time=self.now, step=step, summary=summary)
        self._records.write(event.SerializeToString())

    def _add_tensor(self, tag: str, tensor: Any, about: SummaryMetadata, step: int) -> None:
        value = Summary.Value(tag=tag, tensor=tensor, metadata=about)
        self.add_summary(Summary(value=[value]), step)

    def __enter__(self) -> Self:
        """Return the open file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._records.close()


def _strings(values: list[bytes]) -> TensorProto:
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(values))])
    return TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=values)


def write_event_files(directory: Path, material: Material, pictures: Mapping[str, bytes]) -> None:
    """Write one run per contender and setting, one per ceiling, and one with table and figures.

    All runs of a modality share the tag `<modality>/<phase>/<metric>`, hence one chart.

    Args:
        directory: Where the runs have their folders.
        material: What they show.
        pictures: PNGs by name.
    """
    now = time.time()
    runs = group_runs(material.curves)
    broken_down = by_place(material.components)
    ceilings = ceiling_scalars(material.tipping_points)
    with EventFile(directory / ANSWERS, now) as file:
        cautions = map(escape_markdown, material.cautions)
        blocks = [NOTE, *cautions, sections_as_markdown(material.sections)]
        file.add_text("tipping_points", "\n\n".join(blocks))
        for name, png in pictures.items():
            file.add_image(f"figures/{name}", png)
        file.add_summary(plan_of([*runs.values()]))
        if layout := layout_of(material.curves, material.components):
            file.add_summary(layout)
    for name, members in runs.items():
        first = members[0]
        place = (first.setting, first.modality, first.contender)
        with EventFile(directory / name, now) as file:
            _write_run(file, members, name)
            file.add_scalars(component_scalars(broken_down.get(place, ())))
    for name, scalars in ceilings.items():
        with EventFile(directory / name, now) as file:
            file.add_scalars(scalars)


def group_runs(curves: Iterable[Curve]) -> dict[str, list[Curve]]:
    """Return the curves of every run by the run's name, which is also its folder."""
    groups: dict[tuple[Setting, str, Contender], list[Curve]] = {}
    for curve in curves:
        key = (curve.setting, curve.modality, curve.contender)
        groups.setdefault(key, []).append(curve)
    settings = {setting for setting, _, _ in groups}
    runs: dict[str, list[Curve]] = {}
    for (setting, _, contender), members in groups.items():
        prefix = setting.describe(settings) if len(settings) > 1 else ""
        name = f"{safe_name(prefix)}/{contender.folder}" if prefix else contender.folder
        runs[free_name(name, (ANSWERS, *runs))] = members
    return runs


def _write_run(file: EventFile, curves: list[Curve], name: str) -> None:
    values = conditions_of(curves)
    file.add_summary(hparams.hparams_pb(values, trial_id=name, start_time_secs=file.now))
    for curve in curves:
        for column in drawn_columns():
            tag = f"{curve.modality}/{curve.phase}/{column.name}"
            about = f"In {column.unit}; a step is a length."
            for point in curve.measured(column.name):
                file.add_scalar(tag, point.values[column.name].median, point.length, about)
