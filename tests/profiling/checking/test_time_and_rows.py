"""A check that runs out of time, or whose parts fail, has rows that say so."""

import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from profiling.checking import check as checks
from profiling.checking import sweeping
from profiling.checking.answers import answers
from profiling.checking.archive import pack
from profiling.checking.check import Check
from profiling.checking.on_device.cases import Case, NotHereError, run_cases
from profiling.checking.parts import PARTS, DeviceTask, deadlines
from profiling.checking.rows import CheckRows, row
from profiling.checking.scale import tiny
from profiling.checking.sweeping import run_sweeps
from profiling.checking.time_box import TimeIsUp, time_box
from profiling.children.outcome import Outcome
from profiling.planning.settings import SweepSettings
from profiling.planning.visit_row import row_of
from profiling.planning.visits import Visit
from profiling.rows.run_directory import RunDirectory
from tests.samples.sweeps import rows_in
from tests.samples.variants.points import points_of


def test_a_time_box_ends_what_waits_and_leaves_no_alarm() -> None:
    began = time.monotonic()
    with pytest.raises(TimeIsUp), time_box(0.05):
        time.sleep(30)
    with time_box(0.05):
        pass
    time.sleep(0.1)
    assert time.monotonic() - began < 20


def test_a_time_box_may_be_longer_than_an_alarm_of_the_system() -> None:
    with time_box(2.0**62):
        pass


def test_every_part_ends_before_the_next_and_the_last_with_the_whole() -> None:
    ends = deadlines(100.0)
    assert list(ends) == [part.name for part in PARTS]
    assert sorted(ends.values()) == list(ends.values())
    assert ends["archive"] == pytest.approx(100.0)


def test_cases_end_in_one_of_the_known_ways_and_the_next_one_goes_on() -> None:
    def raises(problem: Exception) -> Any:
        def find() -> dict[str, Any]:
            raise problem

        return find

    cases = [
        ("absent", raises(NotHereError("no such device"))),
        ("broken", raises(ArithmeticError("it is off"))),
        ("large", raises(MemoryError("no more"))),
        ("wrong", lambda: {"error_found": 3.0, "wrong": "3 is above 1"}),
        ("fine", lambda: {"wall_ms": 2.0}),
    ]
    found: dict[str, Any] = {}
    for part in run_cases(cases, DeviceTask(tiny(), 0, 60.0)):
        found |= part
    assert {name: fields["status"] for name, fields in found.items()} == {
        "absent": "skipped",
        "broken": "failed",
        "large": "oom",
        "wrong": "failed",
        "fine": "ok",
    }
    assert found["wrong"] == {"status": "failed", "error": "3 is above 1", "error_found": 3.0}
    assert found["fine"] == {"status": "ok", "error": None, "wall_ms": 2.0}


def test_cases_for_which_no_time_is_left_are_named_as_cut() -> None:
    def slow() -> dict[str, Any]:
        time.sleep(0.05)
        return {}

    cases: list[Case] = [("first", slow), ("second", dict), ("third", dict)]
    parts = [*run_cases(cases, DeviceTask(tiny(), 0, 0.02))]
    ends = [fields and fields["status"] for part in parts for fields in part.values()]
    assert ends == ["ok", "cut", "cut"]


class EndlessSweep:
    """Measures one point and then for ever."""

    def __init__(self, settings: SweepSettings, run: RunDirectory, has_sentinel: bool) -> None:
        self.run = run

    def measure(self) -> None:
        if not self.run.rows:
            (point,) = points_of("text", [48], [{"name": "bert", "implementations": ["eager"]}])[:1]
            self.run.append(row_of(Visit(point, 0)) | {"latency_ms": 2.0})
        time.sleep(60)


def test_a_sweep_that_is_cut_keeps_its_rows_and_those_behind_it_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "Sweep", EndlessSweep)
    asked: list[int] = []
    found = run_sweeps(tiny().sweeps, tmp_path, 1.0, lambda out: asked.append(len(rows_in(out))))
    first, *others, report = found
    assert (first["status"], first["error"], first["rows"]) == ("cut", "the time was over", 1)
    assert {(one["status"], one["error"]) for one in others} == {("cut", "no time was left")}
    assert (report["status"], asked) == ("ok", [1])


def test_without_measurements_there_is_no_report(tmp_path: Path) -> None:
    *sweeps, report = run_sweeps(tiny().sweeps, tmp_path, 0.0, lambda out: None)
    assert {one["status"] for one in sweeps} == {"cut"}
    assert (report["status"], report["error"]) == ("skipped", "there are no measurements")


class FailingChildren:
    """Children of which one dies in the middle, one takes too long, and one is well."""

    def call(self, function: str, task: Any, timeout_s: float) -> Outcome:
        fields = {"it": {"status": "ok", "error": None}}
        if function.endswith("look"):
            return Outcome("error", fields, "the measuring process was killed by SIGSEGV")
        if function.endswith("prove"):
            return Outcome("error", {}, "gave up after 1 s", timed_out=True)
        return Outcome("ok", fields)


def test_a_part_that_dies_is_a_row_and_the_archive_holds_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "Children", FailingChildren)

    def no_tests(folder: Path, seconds: float) -> Any:
        raise OSError("no process can be started")

    monkeypatch.setattr(checks, "run_gpu_tests", no_tests)
    monkeypatch.setattr(checks, "run_sweeps", lambda *_: [row("sweep", "one", "ok")])
    archive = Check(tiny(), tmp_path, 60.0, "abc", lambda out: None).run()
    rows = [json.loads(line) for line in (tmp_path / "checks.jsonl").open()]
    ends = [(one["part"], one["name"], one["status"]) for one in rows]
    assert ends[:5] == [
        ("card", "it", "ok"),
        ("card", "the rest", "failed"),
        ("tests", "all", "failed"),
        ("exactness", "the rest", "cut"),
        ("kernels", "it", "ok"),
    ]
    assert [one["visit"] for one in rows if one["part"] == "replay"] == [0, 1, 2]
    with tarfile.open(archive) as packed:
        assert {"gpu-check/checks.jsonl", "gpu-check/manifest.json"} <= set(packed.getnames())
        of_the_check = {name.split("/")[1] for name in packed.getnames()}
    assert {path.name for path in tmp_path.iterdir()} == of_the_check | {archive.name}


def test_no_time_left_for_a_part_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "Children", FailingChildren)
    late = Check(tiny(), tmp_path, 1e-6, None, lambda out: None)
    late.run()
    assert {(one["part"], one["status"]) for one in late.rows.rows} == {
        (part.name, "cut") for part in PARTS[:-1]
    }


def test_an_archive_leaves_out_copies_and_itself(tmp_path: Path) -> None:
    CheckRows(tmp_path).add([row("card", "device", "ok", card="a card")])
    (tmp_path / "sweep/tensorboard").mkdir(parents=True)
    (tmp_path / "sweep/tensorboard/events").write_text("x")
    (tmp_path / "sweep/report.html").write_text("x")
    for _ in range(2):  # the second time there is one already
        archive = pack(tmp_path)
    with tarfile.open(archive) as packed:
        names = set(packed.getnames())
    assert names == {"gpu-check/checks.jsonl", "gpu-check/sweep", "gpu-check/sweep/report.html"}


def test_an_archive_holds_nothing_that_was_in_the_folder_before(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / "README.md").write_text("x")
    CheckRows(tmp_path).add([row("card", "device", "ok", card="a card")])
    with tarfile.open(pack(tmp_path)) as packed:
        assert packed.getnames() == ["gpu-check/checks.jsonl"]


def replay(variant: str, visit: int, latency_ms: float) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "variant": variant,
        "implementation": "sdpa",
        "kind": "replayed",
        "visit": visit,
    }
    return row("replay", variant, "ok", latency_ms=latency_ms, **fields)


def test_an_answer_is_the_ratio_of_paired_visits_with_students_interval() -> None:
    factors = [0.90, 0.92, 0.91]
    rows = [replay("hubert", visit, base) for visit, base in enumerate([2.0, 3.0, 1.5])]
    rows += [
        replay("lhubert", visit, base * factor)
        for visit, (base, factor) in enumerate(zip([2.0, 3.0, 1.5], factors, strict=True))
    ]
    (answer,) = answers(rows)
    assert answer["name"] == "lhubert sdpa over hubert sdpa, replayed, latency_ms"
    assert answer["ratio"] == pytest.approx((0.90 * 0.92 * 0.91) ** (1 / 3))
    # The t quantile of two degrees of freedom is 4.303.
    assert answer["ci_high"] / answer["ratio"] == pytest.approx(1.028, abs=0.003)
    assert (answer["outcome"], answer["visits"]) == ("win", 3)


def test_one_visit_answers_nothing() -> None:
    (answer,) = answers([replay("hubert", 0, 2.0), replay("lhubert", 0, 1.0)])
    assert (answer["ratio"], answer["outcome"]) == (pytest.approx(0.5), "undecided")
    assert answer["ci_low"] is None
