"""The cards of *Custom Scalars*, read back from the event files."""

import re
from functools import cache
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG

from profiling.analysis.points.curves import build_curves
from profiling.report.build import build_report
from profiling.report.material import Material
from profiling.report.tensorboard.conditions import plan_of
from tests.samples.rows.components import with_components
from tests.samples.rows.run import FOLDER, sample_rows, sample_tipping_points


@cache
def events_of(with_parts: bool) -> Path:
    rows = [row for row in sample_rows() if row["modality"] == "vision" and row["visit"] < 2]
    rows = [row | {"throughput_tokens_per_s": None} for row in rows]
    rows = with_components(rows) if with_parts else rows
    folder = Path(FOLDER.name) / f"layout-{with_parts}"
    build_report(folder, Material.of(rows, sample_tipping_points(rows), [], {}))
    return folder / "tensorboard"


def read(run: Path) -> EventAccumulator:
    events = EventAccumulator(str(run))
    events.Reload()
    return events


def layout_in(folder: Path) -> layout_pb2.Layout:
    (event,) = read(folder / "answers").Tensors(CONFIG_SUMMARY_TAG)
    layout = layout_pb2.Layout()
    layout.ParseFromString(event.tensor_proto.string_val[0])
    return layout


def tags_by_run(folder: Path) -> dict[str, list[str]]:
    return {run.name: read(run).Tags()["tensors"] for run in folder.iterdir()}


def test_each_metric_of_a_modality_and_phase_has_one_card() -> None:
    groups = layout_in(events_of(False)).category
    assert [group.title.split(", by")[0] for group in groups] == [
        "vision, inference",
        "vision, training",
    ]
    for group in groups:
        titles = [card.title.split(": ")[1] for card in group.chart]
        assert titles == [
            "latency_ms",
            "throughput_samples_per_s",
            "peak_memory_mib",
            "memory_above_weights_mib",
        ]


def test_no_card_is_empty_and_every_contender_is_in_those_of_its_metrics() -> None:
    for with_parts in (False, True):
        folder = events_of(with_parts)
        runs = tags_by_run(folder)
        contenders = {name for name in runs if name.startswith(("vit", "swin"))}
        for card in (card for group in layout_in(folder).category for card in group.chart):
            (pattern,) = card.multiline.tag
            # As the plugin looks for them: from the beginning of a tag.
            drawn = {run for run, tags in runs.items() if any(re.match(pattern, t) for t in tags)}
            assert contenders <= drawn


def test_what_was_never_broken_down_has_no_card_and_what_was_not_measured_no_column(
    tmp_path: Path,
) -> None:
    rows = [
        row | {"components": None, "components_error": "a compiled model has no components left"}
        for row in sample_rows()
        if row["modality"] == "vision" and row["visit"] < 2
    ]
    rows = [row | {"peak_memory_mib": None} for row in rows]
    build_report(tmp_path, Material.of(rows, sample_tipping_points(rows), [], {}))
    cards = [card for group in layout_in(tmp_path / "tensorboard").category for card in group.chart]
    assert cards
    assert not [card.title for card in cards if "share" in card.title]
    curves = build_curves(rows)
    plan = str(plan_of([[curve] for curve in curves]))
    assert "latency_ms" in plan
    assert "peak_memory_mib" not in plan
    page = (tmp_path / "report.html").read_text()
    assert "did not add up" not in page
    assert "<td>nowhere</td>" not in page


def test_every_curve_is_on_a_card() -> None:
    folder = events_of(True)
    cards = [card for group in layout_in(folder).category for card in group.chart]
    patterns = [pattern for card in cards for pattern in card.multiline.tag]
    for tags in tags_by_run(folder).values():
        for tag in (tag for tag in tags if tag.startswith("vision/")):
            assert any(re.match(pattern, tag) for pattern in patterns), tag
