"""The frontier of real tiny models: found in children, verified, written down, and resumed."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from profiling.children.crew import Children
from profiling.children.outcome import Outcome
from profiling.children.server import run_in_child
from profiling.errors import SettingsError
from profiling.planning.frontier import BATCH, Search, WholeSteps, searches_of
from profiling.planning.grids import shard_of
from profiling.planning.points import Point
from profiling.rows.frontier import FRONTIER, TIME_LIMITS, frontier_rows
from profiling.rows.run_directory import RunDirectory
from profiling.sweeping import frontier_pass
from profiling.sweeping.frontier import TOLERANCE
from profiling.sweeping.frontier_pass import STEPS, FrontierPass, searches_of_part
from profiling.sweeping.progress import Progress
from tests.samples.sweeps import sweep, write_config
from tests.samples.variants.points import CONDITIONS, points_of

BERT = {"name": "bert", "implementations": ["eager"]}
SMALL = replace(CONDITIONS, memory_budget_gib=0.1)


def point_of(length: int, phase: str, conditions: Any = SMALL) -> Point:
    (point,) = [p for p in points_of("text", [length], [BERT]) if p.phase == phase]
    return replace(point, num_classes=130, conditions=conditions)


def make_pass(run: RunDirectory, searches: list[Search]) -> FrontierPass:
    return FrontierPass(searches, run, Children(), try_seconds=300, search_seconds=600)


def fits(server: ForkServerContext, steps: WholeSteps) -> bool:
    outcome = run_in_child(server, STEPS, steps, 300)
    assert outcome.kind in ("ok", "oom"), outcome
    return outcome.kind == "ok"


def die_on_batches(steps: WholeSteps) -> Iterator[dict[str, Any]]:
    """Be killed from outside where a batch is searched, at its second try."""
    from profiling.measuring.frontier_step import make_whole_steps

    if steps.batch_size > 1:
        os.kill(os.getpid(), signal.SIGKILL)
    yield from make_whole_steps(steps)


def test_the_longest_input_that_fits_is_found_and_the_next_one_does_not_fit(
    server: ForkServerContext, tmp_path: Path
) -> None:
    point = point_of(1024, "inference", replace(CONDITIONS, memory_budget_gib=0.125))
    search = Search(point, "sequence_length")
    with RunDirectory(tmp_path) as run:
        make_pass(run, [search]).measure(Progress())
    (row,) = frontier_rows(tmp_path)
    assert (row["status"], row["limited_by"]) == ("ok", "memory"), row["error"]
    assert row["infeasible"] - row["feasible"] <= TOLERANCE * row["feasible"]
    assert row["tries"][-1]["verifies"]
    assert 0.85 * 128 < row["peak_memory_mib"] <= 128 + 6
    # Scores and their softmax, of two heads in float32, are the largest part.
    assert 2 * 2 * 4 * row["feasible"] ** 2 / 2**20 < 128
    assert {one["outcome"] for one in row["tries"]} <= {"ok", "oom"}
    assert fits(server, search.steps_at(row["feasible"]))
    assert not fits(server, search.steps_at(row["infeasible"]))


def test_the_largest_batch_is_found_and_the_next_one_does_not_fit(
    server: ForkServerContext, tmp_path: Path
) -> None:
    search = Search(point_of(200, "training"), BATCH)
    with RunDirectory(tmp_path) as run:
        make_pass(run, [search]).measure(Progress())
    (row,) = frontier_rows(tmp_path)
    assert (row["status"], row["limited_by"]) == ("ok", "memory"), row["error"]
    assert (row["searched"], row["sequence_length"]) == ("batch_size", 200)
    assert row["infeasible"] - row["feasible"] <= max(1, TOLERANCE * row["feasible"])
    peaks = {one["value"]: one["peak_memory_mib"] for one in row["tries"]}
    # What the process had mapped and not yet used when the limit was set comes on top.
    assert peaks[row["feasible"]] <= 0.1 * 1024 + 6
    assert peaks[row["infeasible"]] is None
    assert fits(server, search.steps_at(row["feasible"]))
    assert not fits(server, search.steps_at(row["infeasible"]))


def test_a_child_that_is_killed_is_an_error_the_sweep_goes_on_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = point_of(1000, "inference")  # near both borders: they are found in few tries
    searches = [Search(point, BATCH), Search(point, "sequence_length")]
    monkeypatch.setattr(frontier_pass, "STEPS", f"{__name__}:die_on_batches")
    with RunDirectory(tmp_path) as run:
        make_pass(run, searches).measure(Progress())
    killed, found = frontier_rows(tmp_path)
    assert (killed["searched"], killed["status"]) == ("batch_size", "error")
    assert "SIGKILL" in killed["error"]
    assert (killed["feasible"], killed["limited_by"]) == (None, None)
    assert [one["outcome"] for one in killed["tries"]] == ["ok", "error"]
    assert (found["status"], found["limited_by"]) == ("ok", "memory")

    monkeypatch.setattr(frontier_pass, "STEPS", STEPS)
    with RunDirectory(tmp_path) as run:
        again = make_pass(run, searches)
        assert again.missing() == searches[:1]
        again.measure(Progress())
    assert {row["status"] for row in frontier_rows(tmp_path)} == {"ok"}
    assert len((tmp_path / FRONTIER).read_text().splitlines()) == 3


def test_where_less_than_the_budget_is_free_nothing_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontier_pass, "free_memory_gib", lambda: 0.07)
    with RunDirectory(tmp_path) as run:
        make_pass(run, [Search(point_of(150, "inference"), BATCH)]).measure(Progress())
    (row,) = frontier_rows(tmp_path)
    assert (row["status"], row["tries"]) == ("error", [])
    assert row["error"] == "`memory_budget_gib` 0.1 must be free, and only 0.1 GiB are"


class BusyGpu(Children):
    """Children of a machine whose GPU others use; they try nothing."""

    def __init__(self, free_gib: float) -> None:
        self.free_gib = free_gib
        self.tried = 0

    def call(self, function: str, task: Any, timeout_s: float | None) -> Outcome:
        if function == frontier_pass.FREE_CUDA:
            return Outcome("ok", self.free_gib)
        self.tried += 1
        return Outcome("oom")


@pytest.mark.parametrize(("free_gib", "is_searched"), [(15.0, False), (19.5, True)])
def test_a_gpu_of_which_others_hold_a_part_of_the_budget_is_not_searched(
    tmp_path: Path, free_gib: float, is_searched: bool
) -> None:
    conditions = replace(CONDITIONS, device="cuda", memory_budget_gib=19.0)
    search, children = Search(point_of(150, "inference", conditions), BATCH), BusyGpu(free_gib)
    with RunDirectory(tmp_path) as run:
        FrontierPass([search], run, children, 300, 600).measure(Progress())
    (row,) = frontier_rows(tmp_path)
    assert (children.tried > 0, bool(row["tries"])) == (is_searched, is_searched)
    if not is_searched:
        sentence = "`memory_budget_gib` 19 must be free, and only 15.0 GiB are"
        assert (row["status"], row["error"]) == ("error", sentence)


class HeldGpu(BusyGpu):
    """Children of a machine whose GPU another process has for itself when first asked."""

    def call(self, function: str, task: Any, timeout_s: float | None) -> Outcome:
        outcome = super().call(function, task, timeout_s)
        if function == frontier_pass.FREE_CUDA and not self.tried:
            self.tried = 1
            raise SettingsError("`device` cuda must let this process in, and a card does not")
        return outcome


def test_a_gpu_that_another_process_has_for_itself_costs_one_search_and_not_the_sweep(
    tmp_path: Path,
) -> None:
    conditions = replace(CONDITIONS, device="cuda", memory_budget_gib=19.0)
    searches = [Search(point_of(length, "inference", conditions), BATCH) for length in (150, 1500)]
    with RunDirectory(tmp_path) as run:
        FrontierPass(searches, run, HeldGpu(20.0), 300, 600).measure(Progress())
    first, second = frontier_rows(tmp_path)
    assert (first["status"], first["tries"]) == ("error", [])
    assert "must let this process in" in first["error"]
    assert second["tries"]


def test_a_sweep_searches_once_leaves_its_rows_alone_and_says_what_is_left(tmp_path: Path) -> None:
    config = write_config(
        tmp_path / "small.yaml",
        modalities={"text": {"variants": [BERT], "lengths": [1500]}},
        phases=["inference"],
        metrics=["memory"],
        memory_budget_gib=0.1,
        frontier=True,
    )
    out = tmp_path / "run"
    assert "frontier: 2 searches" in sweep(config, out, "--dry-run")[1]
    status, _, complained = sweep(config, out, reports=False)
    assert status == 0, complained
    rows = frontier_rows(out)
    assert [(row["searched"], row["status"]) for row in rows] == [
        ("batch_size", "ok"),
        ("sequence_length", "ok"),
    ]
    (measured,) = [json.loads(line) for line in (out / "measurements.jsonl").open()]
    assert measured["loaded_memory_mib"] < measured["peak_memory_mib"]
    before = (out / FRONTIER).read_bytes()
    with (out / FRONTIER).open("ab") as file:
        file.write(b'{"key": "torn')
    assert "2 of them done" in sweep(config, out, "--dry-run")[1]
    assert sweep(config, out, reports=False)[0] == 0
    assert frontier_rows(out) == rows
    assert (out / FRONTIER).read_bytes().startswith(before)


def test_each_point_has_a_batch_and_each_kernel_a_length_and_shards_share_none() -> None:
    points = points_of("text", [130, 770], ["bert", "bigbird", "local_bert"])
    points += points_of("vision", [64, 96], ["vit"])
    searches = searches_of(points)
    able = [point for point in points if not point.skip_reason]
    assert sum(search.searched == BATCH for search in searches) == len(able)
    lengths = [search for search in searches if search.searched != BATCH]
    kernels = {(p.variant, p.implementation, p.phase) for p in able}
    assert len(lengths) == len(kernels)
    of_bigbird = [search for search in lengths if search.point.variant == "bigbird"]
    assert {search.start for search in of_bigbird} == {770}
    assert {search.least for search in of_bigbird} == {705}
    assert {s.searched for s in lengths if s.point.modality == "vision"} == {"input_size"}
    assert len({search.key for search in searches}) == len(searches)
    parts = [searches_of_part(points, shard_of(points, part, 3)) for part in (1, 2, 3)]
    keys = [search.key for part in parts for search in part]
    assert sorted(keys) == sorted(search.key for search in searches)


def test_a_key_says_what_is_asked_and_not_how_long_is_measured() -> None:
    point = point_of(150, "inference")
    key = Search(point, BATCH).key
    longer = replace(point, effort=replace(point.effort, seconds_per_measurement=9.0))
    assert Search(longer, BATCH).key == key
    other = replace(point, conditions=replace(SMALL, memory_budget_gib=0.2))
    assert Search(other, BATCH).key != key
    length = Search(point, "sequence_length")
    assert length.key == Search(point_of(170, "inference"), "sequence_length").key != key
    assert length.columns["sequence_length"] is None
    assert length.steps_at(512).point.max_length == 512


class SlowChildren(Children):
    """Children in which every try fits, and takes three seconds without taking them."""

    def call(self, function: str, task: Any, timeout_s: float | None) -> Outcome:
        return Outcome("ok", {"fitting_peak_mib": 1.0 * task.batch_size}, seconds=3.0)


def slow_pass(run: RunDirectory, try_seconds: float, search_seconds: float) -> FrontierPass:
    search = Search(point_of(150, "inference"), BATCH)
    return FrontierPass([search], run, SlowChildren(), try_seconds, search_seconds)


@pytest.mark.parametrize(
    ("try_seconds", "search_seconds", "is_made"),
    [(10, 4, False), (9, 3, False), (10, 5, True), (11, 4, True)],
)
def test_a_search_that_time_ended_is_made_again_when_it_may_take_more(
    tmp_path: Path, try_seconds: float, search_seconds: float, is_made: bool
) -> None:
    with RunDirectory(tmp_path) as run:
        slow_pass(run, 10, 4).measure(Progress())
        (row,) = frontier_rows(tmp_path)
        assert (row["limited_by"], row["frontier_seconds"], row["point_timeout_s"]) == (
            "time",
            4,
            10,
        )
        again = slow_pass(run, try_seconds, search_seconds)
        assert bool(again.missing()) == is_made
        again.measure(Progress())
        assert again.missing() == []
    assert len((tmp_path / FRONTIER).read_text().splitlines()) == 1 + is_made


@pytest.mark.parametrize(("limited_by", "is_made"), [("time", True), ("memory", False)])
def test_a_search_of_which_nobody_noted_how_long_it_might_take_is_made_again_once(
    tmp_path: Path, limited_by: str, is_made: bool
) -> None:
    with RunDirectory(tmp_path) as run:
        found = slow_pass(run, 10, 4)
        found.measure(Progress())
        (row,) = map(json.loads, (tmp_path / FRONTIER).open())
        older = {name: value for name, value in row.items() if name not in TIME_LIMITS}
        (tmp_path / FRONTIER).write_text(json.dumps(older | {"limited_by": limited_by}) + "\n")
        assert bool(found.missing()) == is_made
        found.measure(Progress())
        assert found.missing() == []
