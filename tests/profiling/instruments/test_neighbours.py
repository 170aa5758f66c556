"""What others take of our cores: seen, and told from what this process computes itself."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiling.instruments import neighbours
from profiling.instruments.neighbours import Neighbours, parse_cores
from tests.samples.neighbours import somebody_computes


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


def share_of_one_second(monkeypatch: pytest.MonkeyPatch) -> float | None:
    """Watch one core for a second of wall time that a clock plays."""
    wall = iter([0.0, 1.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(wall))
    watched = Neighbours([0])
    watched.cores = [0]
    watched.begin()
    watched.end()
    return watched.share()


@pytest.mark.parametrize(("waited_s", "held_s"), [(0.3, 0.3), (0.1, 0.3), (0.3, 0.0)])
def test_time_for_which_a_container_is_held_back_counts_once(
    monkeypatch: pytest.MonkeyPatch, waited_s: float, held_s: float
) -> None:
    waited, held = iter([0, int(waited_s * 1e9)]), iter([(0, 9), (int(held_s * 1e6), 9)])
    monkeypatch.setattr(neighbours, "_waited_ns", lambda: next(waited))
    monkeypatch.setattr(neighbours, "_held_back_us", lambda: next(held))
    monkeypatch.setattr(neighbours, "_busy_ticks", lambda cores: 0)
    assert share_of_one_second(monkeypatch) == pytest.approx(0.3)


def test_a_container_is_held_back_by_its_own_limit_and_by_those_above_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {"cpu.stat": ["usage_usec 9\nthrottled_usec 2", "throttled_usec 30\nnr_bursts 4", ""]}
    monkeypatch.setattr(neighbours, "container_files", files.__getitem__)
    assert neighbours._held_back_us() == (2, 30, 0)


def test_limits_that_bind_together_hold_back_once_whatever_they_did_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = iter([(0, 70_000_000), (300_000, 70_200_000)])
    monkeypatch.setattr(neighbours, "_held_back_us", lambda: next(held))
    monkeypatch.setattr(neighbours, "_waited_ns", lambda: 0)
    monkeypatch.setattr(neighbours, "_busy_ticks", lambda cores: 0)
    assert share_of_one_second(monkeypatch) == pytest.approx(0.3)


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
