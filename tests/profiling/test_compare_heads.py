"""`profile.py compare`, as it is called: what its head claims, and what its gate lets pass."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.samples.rows.comparisons import row
from tests.samples.rows.runs import visits_of, write_run
from tests.samples.sweeps import command

UNKNOWN = (
    "The same conditions; of the versions (unknown) and the commit (unknown) it cannot be told."
)
CHANGED = "with changes that nobody committed"


def run_of(folder: Path, commit: str | None, **fields: Any) -> str:
    machine = {"machine": {"commit": commit}} if commit else {}
    return str(write_run(folder, visits_of([10.0, 10.1], **fields), **machine))


@pytest.mark.parametrize(
    ("commit", "fields", "said"),
    [
        ("abc", {"versions": "torch 3"}, "The same conditions, versions and commit."),
        (
            "abc-dirty",
            {"versions": "torch 3"},
            f"The same conditions and versions; of the commit ({CHANGED}) it cannot be told.",
        ),
        (None, {}, UNKNOWN),
    ],
)
def test_only_what_is_known_is_said_to_be_the_same(
    tmp_path: Path, commit: str | None, fields: dict[str, Any], said: str
) -> None:
    runs = [run_of(tmp_path / name, commit, **fields) for name in ("a", "b")]
    assert said in command("compare", *runs)[1].splitlines()


def test_a_gate_fails_where_most_visits_of_a_point_fail(tmp_path: Path) -> None:
    before = run_of(tmp_path / "a", "abc")
    broken = [row("bert", "sdpa", visit=n, status="error", error="it broke") for n in (1, 2)]
    after = str(write_run(tmp_path / "b", visits_of([10.0]) + broken))
    ended, said, complained = command("compare", before, after, "--fail-on-slower", "5")
    assert ended == 1
    words = "Lost in B, 1 point: bert sdpa inference 512 (the second run failed in 2 of 3 visits"
    assert words in complained
    assert words in said
    entries = json.loads(command("compare", before, after, "--json")[1])
    assert [entry["ratio"] for entry in entries] == [None] * 3
    assert command("compare", after, before, "--fail-on-slower", "5")[0] == 0


def test_checkpoints_whose_paths_end_alike_have_names_that_differ(tmp_path: Path) -> None:
    checkpoints = ("runs/a/export", "runs/b/export")
    rows = [r for each in checkpoints for r in visits_of([10.0, 10.1], key=each, checkpoint=each)]
    runs = [str(write_run(tmp_path / name, rows)) for name in ("one", "two")]
    said = command("compare", *runs)[1]
    assert "bert (a/export) sdpa" in said
    assert "bert (b/export) sdpa" in said
    entries = json.loads(command("compare", *runs, "--json")[1])
    assert {entry["identity"]["checkpoint"] for entry in entries} == set(checkpoints)


def test_versions_of_the_project_that_differ_are_named_beside_the_same_libraries(
    tmp_path: Path,
) -> None:
    before, first, second = (
        run_of(tmp_path / name, "abc", versions=versions)
        for name, versions in {
            "a": "torch 3",
            "b": "tipping-point 0.1.0, torch 3",
            "c": "tipping-point 0.2.0, torch 3",
        }.items()
    )
    said = command("compare", first, second)[1].splitlines()
    assert "versions: tipping-point 0.1.0 -> tipping-point 0.2.0" in said
    assert "versions: none -> tipping-point 0.2.0" in command("compare", before, second)[1]


def test_what_is_chosen_on_a_gpu_alone_keeps_no_runs_apart_and_is_named(tmp_path: Path) -> None:
    cuda = {"device": "cuda", "tf32": False, "cudnn_benchmark": False, "sdpa_backend": "any"}
    cpu, gpu, rounded = (
        run_of(tmp_path / name, "abc", **fields)
        for name, fields in {"cpu": {}, "gpu": cuda, "rounded": cuda | {"tf32": True}}.items()
    )
    status, said, _ = command("compare", cpu, gpu)
    assert status == 0
    assert "device: cpu -> cuda" in said
    status, said, _ = command("compare", gpu, rounded)
    assert status == 0
    assert "tf32: False -> True" in said
