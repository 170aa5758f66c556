"""A check into a folder that has an earlier one, and a check that is interrupted."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from profiling.checking import check as checks
from profiling.checking import gpu_tests
from profiling.checking.archive import NAME
from profiling.checking.check import Check
from profiling.checking.figures import draw_kernels
from profiling.checking.gpu_tests import run_gpu_tests
from profiling.checking.rows import CheckRows, row
from profiling.checking.scale import tiny
from profiling.children.outcome import Outcome

PASSED = '<testsuites><testsuite><testcase classname="a" name="b"/></testsuite></testsuites>'


@pytest.mark.parametrize("has_pytest", [True, False])
def test_tests_that_wrote_no_report_have_not_the_results_of_earlier_ones(
    has_pytest: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests.xml").write_text(PASSED)
    (tmp_path / "tests.log").write_text("1 passed")
    monkeypatch.setattr(gpu_tests, "find_tests", lambda: ["a.py"] if has_pytest else [])
    monkeypatch.setattr(gpu_tests, "_run", lambda *_: (True, -1))
    (found,) = run_gpu_tests(tmp_path, 60.0)
    assert found["status"] == ("cut" if has_pytest else "skipped")
    assert not (tmp_path / "tests.xml").exists()
    assert "passed" not in found
    assert not has_pytest or (tmp_path / "tests.log").read_text() == ""


def test_pictures_of_kernels_are_those_of_the_last_check(tmp_path: Path) -> None:
    for name in ("kernels-float64-inference.png", "another.png"):
        (tmp_path / name).write_text("x")
    assert draw_kernels([], tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["another.png"]


def test_a_second_check_has_nothing_of_what_the_first_one_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sweep/figures").mkdir(parents=True)
    of_the_first = ["sweep/measurements.jsonl", "sweep/figures/a.png", "tests.log", "tests.xml"]
    for name in (*of_the_first, "sweep/notes.txt"):
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(checks, "Children", InterruptedChildren)
    monkeypatch.setattr(checks, "run_gpu_tests", lambda *_: [row("tests", "all", "ok")])
    with pytest.raises(KeyboardInterrupt):
        Check(tiny(), tmp_path, 60.0, None, lambda out: None).run()
    with tarfile.open(tmp_path / NAME) as packed:
        names = {name.removeprefix("gpu-check/") for name in packed.getnames()}
    assert names.isdisjoint(of_the_first)
    assert (tmp_path / "sweep/notes.txt").exists()  # somebody else's


class InterruptedChildren:
    """Children of which one is being waited for when somebody presses Ctrl-C."""

    def call(self, function: str, task: Any, timeout_s: float) -> Outcome:
        if function.endswith("prove"):
            raise KeyboardInterrupt
        return Outcome("ok", {"it": {"status": "ok", "error": None}})


def test_an_interrupted_check_packs_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).write_text("an earlier one")
    monkeypatch.setattr(checks, "Children", InterruptedChildren)
    monkeypatch.setattr(checks, "run_gpu_tests", lambda *_: [row("tests", "all", "ok")])
    check = Check(tiny(), tmp_path, 60.0, None, lambda out: None)
    with pytest.raises(KeyboardInterrupt):
        check.run()
    assert [(one["part"], one["status"], one["error"]) for one in check.rows.rows] == [
        ("card", "ok", None),
        ("tests", "ok", None),
        ("exactness", "cut", "the check was interrupted"),
    ]
    with tarfile.open(tmp_path / NAME) as packed:
        assert {"gpu-check/checks.jsonl", "gpu-check/manifest.json"} <= set(packed.getnames())


def test_no_row_has_what_json_has_not(tmp_path: Path) -> None:
    nan, infinite = float("nan"), float("inf")
    rows = CheckRows(tmp_path)
    rows.add(
        [row("exactness", "a", "failed", "nan is above 1", error_found=nan, all=[1.0, infinite])]
    )

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    (found,) = (
        json.loads(line, parse_constant=refuse) for line in (tmp_path / "checks.jsonl").open()
    )
    assert (found["error_found"], found["all"]) == (None, [1.0, None])
