"""What a measuring child says of its allocator and of its neighbours."""

import time
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.children.server import run_in_child
from profiling.instruments import neighbours
from profiling.instruments.neighbours import Neighbours, parse_cores
from profiling.planning.requests import Effort
from tests.samples.neighbours import somebody_computes
from tests.samples.variants.points import points_of

SPEED = "profiling.measuring.tasks:measure_speed"


def burn(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def watch(core_seconds: float, own: bool = True) -> float | None:
    watched = Neighbours()
    watched.begin()
    burn(core_seconds) if own else time.sleep(core_seconds)
    watched.end()
    return watched.share()


def test_a_neighbour_on_a_core_that_is_left_idle_is_seen() -> None:
    with somebody_computes():
        share = watch(1.5, own=False)
    assert share is not None
    assert share > 0.5 / len(Neighbours().cores)


def test_what_this_process_computes_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = time.process_time()
    ticks = iter([0, 100])
    monkeypatch.setattr(neighbours, "_busy_ticks", lambda cores: next(ticks))
    monkeypatch.setattr(neighbours, "_waited_ns", lambda: 0)
    own = iter([ours, ours + 1.0])
    monkeypatch.setattr(time, "process_time", lambda: next(own))
    assert watch(0.6) == 0.0


def test_waiting_for_a_core_is_time_that_others_took(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = iter([0, 300_000_000])
    monkeypatch.setattr(neighbours, "_waited_ns", lambda: next(waited))
    monkeypatch.setattr(neighbours, "_busy_ticks", lambda cores: 0)
    watched = Neighbours([0])
    watched.cores = [0]
    watched.begin()
    time.sleep(0.6)
    watched.end()
    assert watched.share() == pytest.approx(0.5, abs=0.2)


def test_where_the_kernel_says_nothing_the_share_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(neighbours, "PROC", tmp_path)
    assert watch(0.01) is None


@given(st.sets(st.integers(0, 200), min_size=1))
def test_lists_of_cores_are_read_as_the_kernel_writes_them(cores: set[int]) -> None:
    assert parse_cores(",".join(map(str, sorted(cores)))) == cores
    first, last = min(cores), max(cores)
    assert parse_cores(f"{first}-{last}\n") == set(range(first, last + 1))


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_measured_row_has_the_faults_and_the_neighbours_of_its_steps(
    server: ForkServerContext, phase: str
) -> None:
    points = points_of("speech", [150], [{"name": "hubert", "implementations": ["sdpa"]}])
    point = next(point for point in points if point.phase == phase)
    point = replace(point, metrics=("latency",), effort=Effort(2, 5, 0.1))
    row = run_in_child(server, SPEED, point, 100).value
    assert 0 <= row["others_cpu_share"] <= 1
    assert row["disturbed"] == (row["others_cpu_share"] > neighbours.DISTURBED_FROM)
    if (
        run_in_child(
            server, "profiling.measuring.steps.surroundings:find_allocator", None, 100
        ).value
        == "kept"
    ):
        assert row["page_faults_per_step"] <= 50


def test_a_child_that_cannot_keep_memory_says_so(
    server: ForkServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    from profiling.measuring.steps import surroundings

    monkeypatch.setattr(surroundings, "keep_freed_memory", lambda: False)
    assert surroundings.find_allocator() == "system"
    (point, *_) = points_of("text", [12], ["bert"])
    with pytest.raises(RuntimeError, match="`allocator` kept"):
        surroundings.Surroundings(point)
