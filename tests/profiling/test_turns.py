"""Children that take turns: one works at any time, and what waits does not count."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest

from datamodules.errors import DataError
from profiling.children.child import Child
from profiling.children.outcome import Outcome
from profiling.children.server import run_in_child
from profiling.children.turns import take_turns
from profiling.errors import SettingsError
from profiling.measuring.tasks import measure_speed
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import points_of

HandOver = Callable[[float], None]
WORK_S = 0.02
OTHERS_S = 0.3


def log_turns(task: tuple[str, int, float], hand_over: HandOver) -> Iterator[dict[str, Any]]:
    """Write when each turn begins and ends; hold more from turn to turn."""
    name, turns, held_gib = task
    with open(name, "a") as log:
        for number in range(turns):
            log.write(f"{os.getpid()} {time.monotonic()} ")
            time.sleep(WORK_S)
            log.write(f"{time.monotonic()}\n")
            log.flush()
            if number < turns - 1:
                hand_over(held_gib * (number + 1))
    yield {"pid": os.getpid()}


def die_while_waiting(task: float, hand_over: HandOver) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, task)
    hand_over(0.0)


def make_a_mistake(task: None, hand_over: HandOver) -> None:
    raise DataError("`source` is empty")


def run_together(
    server: ForkServerContext, calls: list[tuple[str, Any]], room_gib: float, timeout_s: float = 60
) -> list[Outcome]:
    make = partial(Child, server, timeout_s=timeout_s, takes_turns=True)
    starts = [partial(make, f"{__name__}:{name}", task) for name, task in calls]
    return take_turns(starts, room_gib)


def turns_of(log: str) -> list[tuple[int, float, float]]:
    with open(log) as lines:
        read = [line.split() for line in lines]
    return [(int(pid), float(began), float(ended)) for pid, began, ended in read]


def test_one_works_at_any_time_and_each_has_its_turn_in_order(
    server: ForkServerContext, tmp_path: Any
) -> None:
    log = str(tmp_path / "log")
    calls = [("log_turns", (log, turns, 0.0)) for turns in (2, 4, 3)]
    outcomes = run_together(server, calls, room_gib=1.0)
    first, second, third = (outcome.value["pid"] for outcome in outcomes)
    turns = turns_of(log)
    expected = [first, second, third, first, second, third, second, third, second]
    assert [pid for pid, _, _ in turns] == expected
    assert all(
        ended <= began for (_, _, ended), (_, began, _) in zip(turns, turns[1:], strict=False)
    )
    assert all(outcome.kind == "ok" for outcome in outcomes)


def test_seconds_and_the_time_limit_count_the_own_turns_alone(
    server: ForkServerContext, tmp_path: Any
) -> None:
    calls = [("log_turns", (str(tmp_path / "log"), 30, 0.0))] * 2
    outcomes = run_together(server, calls, room_gib=1.0, timeout_s=60)
    both = sum(outcome.seconds for outcome in outcomes)
    began, ended = turns_of(calls[0][1][0])[0][1], turns_of(calls[0][1][0])[-1][2]
    assert both == pytest.approx(ended - began, rel=0.5)
    assert all(30 * WORK_S <= outcome.seconds < ended - began for outcome in outcomes)
    late = run_together(server, calls, room_gib=1.0, timeout_s=10 * WORK_S)
    assert all("gave up" in outcome.message for outcome in late)


def test_those_for_which_there_is_no_room_come_afterwards(
    server: ForkServerContext, tmp_path: Any
) -> None:
    log = str(tmp_path / "log")
    outcomes = run_together(server, [("log_turns", (log, 2, 1.0))] * 3, room_gib=1.5)
    first, second, third = (outcome.value["pid"] for outcome in outcomes)
    order = [pid for pid, _, _ in turns_of(log)]
    assert order == [first, second, first, second, third, third]


def test_who_waits_makes_room_for_who_works_and_begins_anew(
    server: ForkServerContext, tmp_path: Any
) -> None:
    log = str(tmp_path / "log")
    calls = [("log_turns", (log, 3, 0.1)), ("log_turns", (log, 3, 1.0))]
    outcomes = run_together(server, calls, room_gib=1.5)
    assert [outcome.kind for outcome in outcomes] == ["ok", "ok"]
    order = [pid for pid, _, _ in turns_of(log)]
    first, second = (outcome.value["pid"] for outcome in outcomes)
    (ended,) = set(order) - {first, second}
    assert order == [first, ended, first, ended, first, second, second, second]


def test_who_dies_while_it_waits_is_an_error_and_the_others_go_on(
    server: ForkServerContext, tmp_path: Any
) -> None:
    log = str(tmp_path / "log")
    calls = [("die_while_waiting", WORK_S / 4), ("log_turns", (log, 3, 0.0))]
    dead, well = run_together(server, calls, room_gib=1.0)
    assert (dead.kind, well.kind) == ("error", "ok")
    assert "killed by SIGALRM" in dead.message


def test_a_mistake_ends_all_at_once(server: ForkServerContext, tmp_path: Any) -> None:
    log = str(tmp_path / "log")
    calls = [("log_turns", (log, 9, 0.0)), ("make_a_mistake", 0)]
    with pytest.raises(SettingsError, match="`source` is empty"):
        run_together(server, calls, room_gib=1.0)
    assert len(turns_of(log)) == 1


def measure_while_others_take_long(point: Point) -> Iterator[dict[str, Any]]:
    handed_over: list[float] = []

    def hand_over(held_gib: float) -> None:
        handed_over.append(held_gib)
        time.sleep(OTHERS_S)

    yield from measure_speed(point, hand_over)
    yield {"handed_over": handed_over}


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_what_others_take_is_in_no_number(server: ForkServerContext, phase: str) -> None:
    found = points_of("text", [40], [{"name": "bert", "implementations": ["sdpa"]}])
    (point,) = [one for one in found if one.phase == phase]
    point = replace(point, metrics=("latency", "throughput"), effort=Effort(1, 3, 1e-6))
    function = f"{__name__}:{measure_while_others_take_long.__name__}"
    outcome = run_in_child(server, function, point, 100)
    assert outcome.message == ""
    row = outcome.value
    # Before the first step that is timed and before each of the other two, in both metrics.
    assert len(row["handed_over"]) == 6
    assert all(0 <= held_gib < 1 for held_gib in row["handed_over"])
    latencies = row["latency_ms_samples"] + row["throughput_latency_ms_samples"]
    assert max(latencies) < 1e3 * OTHERS_S
