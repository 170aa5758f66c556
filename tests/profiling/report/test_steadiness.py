"""What is said and drawn of the machine on which a sweep was measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from lightning_modules.variants import VARIANTS
from profiling.analysis.points.drift import judge_steadiness
from profiling.report.cautions import cautions_of, describe_steadiness
from profiling.report.charts.steadiness import build_steadiness_chart
from profiling.rows.columns import Row, complete
from profiling.rows.reading import SENTINEL
from tests.samples.rows.run import charts_of, report_of, sample_rows, sample_tipping_points
from tests.samples.rows.runs import write_run
from tests.samples.rows.sentinels import readings_of
from tests.samples.sweeps import command

WARM = [4.0, 4.0, 6.0, 8.0, 8.0]
DRIFTED = "The machine drifted by a factor of 2.00, and the answers"
TITLE = "How steady the machine was"


def rows_of_vision() -> list[dict[str, Any]]:
    return [row for row in sample_rows() if row["modality"] == "vision"]


def trace_of(readings: list[dict[str, Any]]) -> dict[str, Any]:
    (trace,) = build_steadiness_chart(judge_steadiness(readings, []))["data"]
    return trace


def write_readings(directory: Path, readings: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(reading) + "\n" for reading in readings)
    (directory / SENTINEL).write_text(lines)


def test_the_page_draws_the_readings_and_warns_of_a_drift(tmp_path: Path) -> None:
    rows = rows_of_vision()
    answers = sample_tipping_points(rows)
    page = report_of(tmp_path, rows, answers, {}, readings_of(WARM)).read_text()
    assert TITLE in page
    assert DRIFTED in page
    assert "bert eager in inference at 128 tokens, was measured 5 times." in page
    *others, chart = charts_of(page)
    assert len(others) == 6
    assert chart["data"][0]["y"] == [2 / 3, 2 / 3, 1, 4 / 3, 4 / 3]
    assert (tmp_path / "figures" / "sentinel.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_readings_shows_nothing_of_them(tmp_path: Path) -> None:
    rows = rows_of_vision()
    page = report_of(tmp_path, rows, sample_tipping_points(rows), {}).read_text()
    assert TITLE not in page
    assert len(charts_of(page)) == 6
    assert not (tmp_path / "figures" / "sentinel.png").exists()


def test_disturbed_readings_are_hollow_and_say_so() -> None:
    trace = trace_of(readings_of([4.0, 8.0, 8.0], disturbed={1, 2}, cpu_mhz=2650.0))
    assert trace["marker"]["symbol"] == ["circle", "circle-open", "circle-open"]
    assert trace["y"] == [1.0, 2.0, 2.0]
    words = [text for (text,) in trace["customdata"]]
    assert ["disturbed" in text for text in words] == [False, True, True]
    assert "2026-11-28 09:31:00 UTC" in words[1]
    assert "others took 40 % of the CPU time" in words[1]
    assert "2,650 MHz" in words[1]


def test_the_line_has_a_gap_where_the_sweep_was_stopped_for_hours() -> None:
    trace = trace_of(readings_of([4.0] * 4, minutes=[0, 5, 300, 305]))
    assert trace["x"] == [1, 2, None, 3, 4]
    assert trace["y"] == [1, 1, None, 1, 1]
    assert len(trace["customdata"]) == len(trace["marker"]["symbol"]) == 5


def test_a_reading_whose_moment_cannot_be_read_is_drawn_all_the_same() -> None:
    trace = trace_of(readings_of([4.0, 4.0], at="yesterday"))
    assert trace["x"] == [1, 2]
    assert not any("UTC" in text for (text,) in trace["customdata"])


@pytest.mark.parametrize("latencies", [[4.0], [4.0] * 40, [4.0, 4.0, 400.0]])
def test_every_reading_lies_inside_the_axes(latencies: list[float]) -> None:
    chart = build_steadiness_chart(judge_steadiness(readings_of(latencies), []))
    low, high = (10**end for end in chart["layout"]["yaxis"]["range"])
    assert all(low < ratio < high for ratio in chart["data"][0]["y"])
    assert all(low <= tick <= high for tick in chart["layout"]["yaxis"]["tickvals"])
    assert len(chart["layout"]["yaxis"]["tickvals"]) >= 2
    first, last = chart["layout"]["xaxis"]["range"]
    assert first < 1
    assert last > len(latencies)


def test_few_readings_say_that_a_drift_needs_more() -> None:
    (series, drift) = describe_steadiness(judge_steadiness(readings_of([4.0]), []))
    assert series.endswith("was measured 1 time.")
    assert drift == "A drift shows from 3 undisturbed readings on."


def test_nothing_is_said_of_a_calm_machine() -> None:
    rows = rows_of_vision()
    steadiness = judge_steadiness(readings_of([4.0] * 5), sample_tipping_points(rows))
    assert cautions_of(rows, steadiness) == []


def test_what_the_registry_cautions_of_is_said_of_a_variant_that_was_measured() -> None:
    rows: list[Row] = [{"modality": "text", "variant": name} for name in VARIANTS["text"]]
    said = cautions_of(rows, judge_steadiness([], []))
    cautions = [variant.caution for variant in VARIANTS["text"].values() if variant.caution]
    assert len(said) == len(cautions) >= 1
    assert all(caution in sentence for caution, sentence in zip(cautions, said, strict=True))
    assert any(sentence.startswith("The variant fnet has no mask") for sentence in said)


def test_where_unpadded_was_measured_the_reader_learns_who_tells_what_it_saves() -> None:
    rows: list[Row] = [
        {"modality": "text", "variant": "bert", "implementation": name}
        for name in ("sdpa", "unpadded", "unpadded")
    ]
    (said,) = cautions_of(rows, judge_steadiness([], []))
    assert said.startswith("The ladder does not compare with `unpadded`")
    assert "`profile.py advise`" in said
    assert cautions_of(rows[:1], judge_steadiness([], [])) == []


def test_disturbed_visits_are_counted_without_those_that_were_skipped() -> None:
    rows = rows_of_vision()[:10]
    rows = [row | {"disturbed": place < 3} for place, row in enumerate(rows)]
    rows.append(rows[0] | {"status": "skipped", "disturbed": None})
    (said,) = cautions_of(rows, judge_steadiness([], []))
    assert said.startswith("Other processes disturbed 3 of 10 visits")


def test_visits_of_which_nobody_tells_the_neighbours_are_counted() -> None:
    rows = [row | {"others_cpu_share": 0.0} for row in rows_of_vision()[:4]]
    rows += [row | {"others_cpu_share": None} for row in rows_of_vision()[4:7]]
    (said,) = cautions_of(rows, judge_steadiness([], []))
    assert said.startswith("In 3 of 7 visits it is unknown what other processes took of the CPU")


def test_visits_that_keep_memory_and_take_fresh_pages_all_the_same_are_told() -> None:
    base, calm = rows_of_vision()[:2]
    kept = {"allocator": "kept", "page_faults_per_step": 40.0, "latency_ms": 20.0}
    kept |= {"throughput_latency_ms_samples": [20.0, 10.0, 30.0]}
    few = [base | kept, calm | kept | {"throughput_page_faults_per_step": None}]
    assert cautions_of(few, judge_steadiness([], [])) == []
    for name in ("page_faults_per_step", "throughput_page_faults_per_step"):
        assert cautions_of([few[0] | {name: 199.0}], judge_steadiness([], [])) == []
        (said,) = cautions_of([few[0] | {name: 1000.0}, few[1]], judge_steadiness([], []))
        assert said.startswith("In 1 of 2 visits that keep freed memory, clearing fresh pages took")
        point = f"{base['variant']} {base['implementation']} in {base['phase']} at"
        assert f"more than 1 % of a step (about 5 % of {point}" in said
    for elsewhere in ({"allocator": "system"}, {"device": "cuda"}):
        many = [few[0] | {"page_faults_per_step": 1000.0} | elsewhere]
        assert cautions_of(many, judge_steadiness([], [])) == []


def test_of_visits_older_than_the_question_it_is_unknown_too() -> None:
    old = [{k: v for k, v in row.items() if k != "others_cpu_share"} for row in rows_of_vision()]
    for rows in (old, [complete(row) for row in old]):
        (said,) = cautions_of(rows, judge_steadiness([], []))
        assert said.startswith(f"In {len(old)} of {len(old)} visits it is unknown")


def test_the_command_says_both_after_the_table_and_on_the_page(tmp_path: Path) -> None:
    rows = [row | {"disturbed": row["visit"] == 0} for row in rows_of_vision()]
    write_run(tmp_path, rows)
    write_readings(tmp_path, readings_of(WARM, modality="vision", input_size=64))
    status, said, _ = command("report", str(tmp_path))
    assert status == 0
    words = " ".join(said.split())
    assert f"Other processes disturbed {len(rows) // 3} of {len(rows)} visits" in words
    assert DRIFTED in words
    assert words.index("best vs best") < words.index(DRIFTED) < words.index("Report:")
    page = (tmp_path / "report.html").read_text()
    assert DRIFTED in page
    assert f"Other processes disturbed {len(rows) // 3} of" in page


def test_readings_of_another_state_do_not_count(tmp_path: Path) -> None:
    write_run(tmp_path, [row | {"seed": 1} for row in rows_of_vision()])
    write_readings(tmp_path, readings_of(WARM, modality="vision", seed=0, input_size=64))
    # Without a manifest the last reading's state would be the current one of the readings.
    state = {"fingerprint": None, "seed": 1, "versions": None}
    (tmp_path / "manifest.json").write_text(json.dumps({"states": {"vision": state}}))
    assert "drifted" not in command("report", str(tmp_path))[1]
    assert TITLE not in (tmp_path / "report.html").read_text()


def test_a_drift_never_reads_as_none_nor_as_the_width_that_it_exceeds() -> None:
    calm = describe_steadiness(judge_steadiness(readings_of([4.0, 4.008, 4.016]), []))
    assert calm[-1] == "The machine drifted by a factor of 1.004."
    answers = [{"metric": "latency", "lengths": [{"ci_low": 1.0, "ci_high": 1.031}]}]
    (caution,) = cautions_of(
        [], judge_steadiness(readings_of([4.0, 4.0, 4.068, 4.136, 4.136]), answers)
    )
    assert "by a factor of 1.034, and" in caution
    assert "a factor of 1.031 wide" in caution


def test_sentinels_of_two_precisions_have_two_names_everywhere() -> None:
    readings = readings_of([4, 4, 4], precision="32-true")
    readings += readings_of([2, 2, 2], key="other", precision="bf16-true")
    steadiness = judge_steadiness(readings, [])
    first, second, _ = describe_steadiness(steadiness)
    assert ("32-true" in first, "bf16-true" in second) == (True, True)
    chart = build_steadiness_chart(steadiness)
    assert len({trace["name"] for trace in chart["data"]}) == 2
    assert len({row[0] for row in chart["table"]["rows"]}) == 2
