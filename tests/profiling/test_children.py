import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import psutil
import pytest
import torch

from datamodules.errors import DataError
from profiling.children import child
from profiling.children.server import run_in_child
from profiling.instruments.neighbours import Neighbours
from profiling.measuring.process_limits import limit_memory, set_threads
from profiling.rows import own_process


def return_process_id() -> int:
    return os.getpid()


def allocate(mib: int) -> int:
    limit_memory(0.5, "cpu")
    return torch.ones(mib * 2**20 // 4).numel()


def make_a_mistake() -> None:
    raise DataError("`source` is empty")


def have_a_bug() -> None:
    raise KeyError("bug")


def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def yield_parts(last: str) -> Iterator[dict[str, int]]:
    yield {"a": 1}
    yield {"b": 2}
    if last == "fail":
        raise RuntimeError("later")
    if last == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if last == "sleep":
        time.sleep(60)
    if last == "oom":
        raise MemoryError


def use_threads(threads: int) -> tuple[int, int]:
    set_threads(threads)
    return torch.get_num_threads(), len(os.sched_getaffinity(0))


def use_threads_unbound(threads: int) -> tuple[int, float | None]:
    del os.sched_getaffinity, os.sched_setaffinity
    set_threads(threads)
    neighbours = Neighbours()
    neighbours.begin()
    neighbours.end()
    return torch.get_num_threads(), neighbours.share()


def test_a_child_is_fresh_and_already_holds_torch(server: ForkServerContext) -> None:
    outcomes = [run_in_child(server, f"{__name__}:return_process_id", None, 100) for _ in range(2)]
    assert all(outcome.kind == "ok" and outcome.preloaded for outcome in outcomes)
    assert len({os.getpid(), *(outcome.value for outcome in outcomes)}) == 3


def test_memory_beyond_the_budget_is_out_of_memory_and_within_it_is_not(
    server: ForkServerContext,
) -> None:
    assert run_in_child(server, f"{__name__}:allocate", 200, 100).kind == "ok"
    assert run_in_child(server, f"{__name__}:allocate", 900, 100).kind == "oom"


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        ("make_a_mistake", "mistake", "`source` is empty"),
        ("have_a_bug", "error", "KeyError: 'bug' (at test_children.py:"),
        ("crash", "error", "killed by SIGKILL"),
    ],
)
def test_every_failure_is_a_result(
    server: ForkServerContext, function: str, kind: str, words: str
) -> None:
    outcome = run_in_child(server, f"{__name__}:{function}", None, 100)
    assert outcome.kind == kind
    assert words in outcome.message


def test_a_child_that_takes_too_long_is_ended(server: ForkServerContext) -> None:
    outcome = run_in_child(server, f"{__name__}:sleep", 60, 1.0)
    assert outcome.kind == "error"
    assert "gave up after 1 s" in outcome.message


@pytest.mark.parametrize(
    ("last", "kind"),
    [("end", "ok"), ("fail", "error"), ("crash", "error"), ("sleep", "error"), ("oom", "oom")],
)
def test_parts_that_were_yielded_are_kept_however_it_ends(
    server: ForkServerContext, last: str, kind: str
) -> None:
    outcome = run_in_child(server, f"{__name__}:yield_parts", last, 2.0)
    assert (outcome.kind, outcome.value) == (kind, {"a": 1, "b": 2})


def test_the_waiting_parent_sleeps(server: ForkServerContext) -> None:
    before = psutil.Process().cpu_times()
    run_in_child(server, f"{__name__}:sleep", 1.5, 100)
    after = psutil.Process().cpu_times()
    assert after.user + after.system - before.user - before.system < 0.5


def test_a_child_computes_with_the_threads_and_cores_it_is_given(
    server: ForkServerContext,
) -> None:
    assert run_in_child(server, f"{__name__}:use_threads", 1, 100).value == (1, 1)


def test_where_no_process_is_bound_to_cores_a_child_has_its_threads_and_knows_no_neighbours(
    server: ForkServerContext,
) -> None:
    outcome = run_in_child(server, f"{__name__}:{use_threads_unbound.__name__}", 1, 100)
    assert outcome.value == (1, None), outcome


def limit_what_nobody_counts(mib: int) -> int:
    own_process.PROC = Path("/nowhere")
    return allocate(mib)


def test_where_nobody_tells_what_a_process_holds_nothing_is_limited(
    server: ForkServerContext,
) -> None:
    function = f"{__name__}:{limit_what_nobody_counts.__name__}"
    assert run_in_child(server, function, 900, 100).kind == "ok"


def fail_as_torch_compile_does() -> None:
    raise RuntimeError(
        "trouble while tracing\n  Explanation: sizes 64 and 128 differ\n  Hint: none"
    )


def test_an_error_of_many_lines_says_what_it_was_about(server: ForkServerContext) -> None:
    function = f"{__name__}:{fail_as_torch_compile_does.__name__}"
    outcome = run_in_child(server, function, None, 60)
    assert outcome.kind == "error"
    assert "RuntimeError: trouble while tracing: sizes 64 and 128 differ (at" in outcome.message


@pytest.mark.parametrize("timeout_s", [3e6, 1e300])
def test_a_time_limit_may_be_longer_than_the_system_waits_at_once(
    server: ForkServerContext, timeout_s: float
) -> None:
    assert run_in_child(server, f"{__name__}:sleep", 0.1, timeout_s).kind == "ok"


def test_who_works_longer_than_the_system_waits_at_once_is_not_given_up(
    server: ForkServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LONGEST_WAIT_S", 0.05)
    assert run_in_child(server, f"{__name__}:sleep", 0.4, 60).kind == "ok"
    assert run_in_child(server, f"{__name__}:sleep", 60, 0.4).timed_out
