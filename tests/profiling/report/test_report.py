import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from profiling.analysis.points.curves import build_curves, drawn_metrics
from profiling.errors import SettingsError
from profiling.report.charts.inputs import ChartInput
from profiling.report.charts.measured import build_chart
from profiling.report.material import Material
from profiling.report.page.problems import find_problems
from profiling.report.page.rendering import render_page
from profiling.report.page.tables import find_noise
from profiling.report.palette import Styles
from profiling.rows.columns import judged_columns
from tests.samples.places import ROOT
from tests.samples.rows.run import (
    FAILED,
    charts_of,
    page_of,
    report_of,
    sample_manifest,
    sample_report,
    sample_rows,
    sample_tipping_points,
    small_rows,
)

HOSTILE = "</script><img src=x onerror=alert(1)>"
NOT_LATENCY = FAILED.keys() - {"latency_ms"}


def test_a_report_has_a_page_pictures_and_event_files_and_leaves_nothing_else() -> None:
    directory = sample_report()
    assert {path.name for path in directory.iterdir()} == {"report.html", "figures", "tensorboard"}
    pictures = {path.name for path in (directory / "figures").iterdir()}
    assert pictures == {
        f"{modality}-{phase}.png"
        for modality in ("text", "speech", "vision")
        for phase in ("inference", "training")
    }
    for path in (directory / "figures").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")


def test_a_metric_that_was_not_measured_has_no_empty_charts() -> None:
    counts = []
    for left_out in ((), ("throughput_samples_per_s", "throughput_tokens_per_s")):
        rows = [row | dict.fromkeys(left_out) for row in small_rows() if row["status"] == "ok"]
        counts.append(len(charts_of(page_of(rows, sample_tipping_points(rows), {}))))
    assert counts == [6, 4]


def test_what_was_not_asked_for_has_no_charts_of_crosses() -> None:
    rows = [row | {"metrics": ["latency"]} | dict.fromkeys(NOT_LATENCY) for row in small_rows()]
    for row in rows:
        if row["input_size"] == 384:
            row |= {"status": "oom", "error": "too large", "latency_ms": None}
    assert list(drawn_metrics(build_curves(rows))) == ["latency"]
    assert len(charts_of(page_of(rows, sample_tipping_points(rows), {}))) == 2  # one in each phase


def test_rebuilding_replaces_what_was_there(tmp_path: Path) -> None:
    rows = small_rows()
    for name in ("figures/stale.png", "tensorboard/stale/events.out.tfevents.1"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".tensorboard.partial").mkdir()  # a build that was killed
    for _ in range(2):
        report_of(tmp_path, rows, sample_tipping_points(rows), {})
    runs = tmp_path / "tensorboard"
    assert not (runs / "stale").exists()
    assert not (tmp_path / "figures" / "stale.png").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert all(len(list(run.iterdir())) == 1 for run in runs.iterdir())


def test_nothing_of_a_report_imports_torch(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from tests.samples.rows.run import report_of, sample_rows
report_of(Path(sys.argv[1]), sample_rows()[:8], [], {})
heavy = {'torch', 'transformers', 'lightning'} & set(sys.modules)
assert not heavy, heavy
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)})


def test_an_empty_run_still_gives_a_page(tmp_path: Path) -> None:
    page = report_of(tmp_path, [], [], {}).read_text()
    assert "No tipping points" in page


def test_the_page_asks_for_nothing_from_outside() -> None:
    page = (sample_report() / "report.html").read_text()
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:)|url\(|@import""", own)
    assert "default-src 'none'" in own
    assert page.count("<script>") == 1  # our own, which unpacks plotly's


def test_the_page_says_every_answer_and_every_reason() -> None:
    page = unescape((sample_report() / "report.html").read_text())
    for words in (
        "never up to 4,096",
        "its sparse path needs 11 blocks of 64",
        "memory budget of 4 GiB exceeded",
        "ended with signal 9",
        "AMD EPYC 9R14",
        "0123456789ab",
        "movie reviews",
    ):
        assert words in page


def test_names_from_rows_cannot_become_markup() -> None:
    rows = [dict(row) for row in small_rows()]
    for row in rows:
        if row["variant"] == "swin":
            row |= {"variant": HOSTILE, "device_name": HOSTILE}
    rows[0] |= {"status": "error", "error": HOSTILE}
    tipping_points = [row | {"efficient": HOSTILE} for row in sample_tipping_points(small_rows())]
    page = page_of(rows, tipping_points, {HOSTILE: HOSTILE})
    assert "<img" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    for chart in charts_of(page):
        assert not any("<img" in trace.get("name", "") for trace in chart["data"])


def test_charts_show_curves_out_of_memory_tipping_points_and_real_lengths() -> None:
    charts = charts_of((sample_report() / "report.html").read_text())
    assert len(charts) == 18  # three modalities, three metrics, two phases
    latency = charts[1]["data"]  # text, latency, training
    curves = {trace["meta"]["contender"]: trace for trace in latency if "error_y" in trace}
    assert curves["bert eager"]["x"] == [128, 256, 512, 1024, 2048]
    assert curves["bigbird library"]["x"] == [1024, 2048, 4096]
    assert all(value > 0 for value in curves["bert sdpa"]["error_y"]["array"])
    (oom,) = [trace for trace in latency if trace.get("marker", {}).get("symbol") == "x"]
    assert (oom["meta"]["contender"], oom["x"]) == ("bert eager", [4096])
    assert oom["y"][0] > max(max(trace["y"]) for trace in curves.values())
    lines = [trace for trace in latency if "error_x" in trace]
    assert {trace["meta"]["family"] for trace in lines} >= {"longformer w512", "local_bert w128"}
    (lengths,) = [trace for trace in latency if "distribution" in trace.get("meta", {})]
    assert sum(lengths["y"]) == pytest.approx(1, abs=0.02)


def test_a_tipping_point_stands_where_the_sentences_say_and_its_number_inside_the_chart() -> None:
    charts = charts_of((sample_report() / "report.html").read_text())
    latency = [trace for trace in charts[0]["data"] if "error_x" in trace]
    lines = {
        trace["meta"]["family"]: trace
        for trace in latency
        if trace["meta"]["comparison"] == "best_vs_best"
    }
    (at_most,) = [
        row
        for row in sample_tipping_points()
        if row["at_most"] and (row["phase"], row["metric"]) == ("inference", "latency")
        if row["modality"] == "text" and row["comparison"] == "best_vs_best"
    ]
    line = lines["local_bert w128"]
    assert set(line["x"]) == {at_most["ci_high"]}
    assert line["text"][1].strip() == f"≤ {at_most['ci_high']:,.0f}"
    assert line["x"][1] - line["error_x"]["arrayminus"][1] == at_most["ci_low"]
    assert line["textposition"] == "top right"  # left of it the chart is as wide as right of it
    assert lines["longformer w512"]["textposition"] == "top left"  # near the right edge


def test_a_single_visit_shows_its_own_percentiles_and_no_noise_between_visits() -> None:
    rows = [row for row in small_rows() if row["visit"] == 0]
    curves = build_curves(rows)
    spread = curves[0].points[0].values["latency_ms"]
    assert spread.low == pytest.approx(spread.median * 0.97)
    assert find_noise(curves) == []
    assert "the noise between visits is unknown" in render_page(Material.of(rows, [], [], {}))


def test_points_without_a_number_are_gathered_by_reason() -> None:
    problems = find_problems(sample_rows())
    (skipped,) = [p for p in problems if p.status == "skipped" and p.phase == "inference"]
    assert (skipped.name, skipped.lengths) == ("bigbird library", "128, 256, 512")
    assert {problem.status for problem in problems} == {"skipped", "oom", "error"}


def test_a_chart_needs_neither_tipping_points_nor_values() -> None:
    broken = {"status": "error", "error": "broken", **FAILED}
    curves = build_curves([row | broken for row in small_rows()])
    curves = [curve for curve in curves if curve.phase == "inference"]
    latency = judged_columns()["latency"]
    chart = build_chart(ChartInput("vision", latency, curves, [], [], Styles.of(curves, [])))
    assert chart["data"] == []
    assert json.dumps(chart, allow_nan=False)


@pytest.mark.parametrize(
    ("ratios", "labels"),
    [
        ((0.25, 4.0), {"1/4", "1/2", "1", "2", "4"}),
        ((0.6, 1.1), {"0.6", "0.7", "0.8", "0.9", "1", "1.1"}),
        ((0.97, 1.02), {"0.98", "1", "1.02"}),
    ],
)
def test_a_ratio_can_be_read_from_its_axis(ratios: tuple[float, float], labels: set[str]) -> None:
    curves = [c for c in build_curves(small_rows()) if c.phase == "inference"]
    items = [
        {"length": length, "outcome": "win", "ratio": ratio}
        for length, ratio in zip((64, 128), ratios, strict=True)
    ]
    rows = [sample_tipping_points(small_rows())[0] | {"lengths": items}]
    latency = judged_columns()["latency"]
    styles = Styles.of(curves, rows)
    chart = build_chart(ChartInput("vision", latency, curves, rows, [], styles))
    assert labels <= set(chart["layout"]["yaxis2"]["ticktext"])


def test_numbers_that_cannot_be_drawn_are_left_out() -> None:
    rows = [row | {"latency_ms": float("nan")} for row in small_rows()]
    page = render_page(Material.of(rows, [], [], sample_manifest()))
    assert "NaN" not in json.dumps(charts_of(page))


@pytest.mark.parametrize("taken", [".figures.partial", ".tensorboard.partial"])
def test_a_report_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = small_rows()
    monkeypatch.setattr("profiling.report.build.draw_figures", lambda *_: {})  # takes long
    (tmp_path / taken).touch()  # of this name no folder can be
    with pytest.raises(SettingsError, match="`out` must be a folder to write to, got "):
        report_of(tmp_path, rows, sample_tipping_points(rows), {})
