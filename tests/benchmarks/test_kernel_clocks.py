"""Kernels of attention are timed by the device where there is one, and what fails is a row."""

from types import SimpleNamespace

import pytest
import torch

from benchmarks.kernels import attention_kernels, clocks
from benchmarks.kernels.clocks import Clock, why_not
from benchmarks.kernels.contenders import Contender, split_heads
from benchmarks.kernels.tables import as_markdown


@pytest.fixture
def gpu(monkeypatch):
    """Give a GPU on which a unit takes 1 ms, and the host 4 ms to launch it."""
    found = SimpleNamespace(captures=True, together=0)

    def replay():
        raise AssertionError("it is timed, not run")

    def replay_of(run, together):
        found.together = together
        return replay if found.captures else None

    def device_ms(run, device, calls):
        assert (run is replay, calls) == (found.captures, 1 if found.captures else found.together)
        return 1.0 * found.together if found.captures else 5.0

    monkeypatch.setattr(clocks, "replay_of", replay_of)
    monkeypatch.setattr(clocks, "device_ms", device_ms)
    monkeypatch.setattr(clocks, "timed", lambda run, device: 5e-3)
    return found


@pytest.mark.parametrize(
    ("captures", "seconds", "timed_in"), [(True, 1e-3, "replays"), (False, 5e-3, "launches")]
)
def test_on_a_gpu_a_unit_is_timed_by_the_device(gpu, captures, seconds, timed_in):
    gpu.captures = captures
    clock = Clock(lambda: None, "cuda")
    assert clock.read() == pytest.approx(seconds)
    assert (clock.timed_in, clock.units) == (timed_in, gpu.together)
    assert gpu.together == 10


def test_on_a_cpu_a_unit_is_timed_by_the_wall():
    calls: list[int] = []
    clock = Clock(lambda: calls.append(1), "cpu")
    assert clock.read() > 0
    assert (len(calls), clock.timed_in, clock.units) == (1, None, 1)


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (RuntimeError("no kernel image\nat all"), "no kernel image"),
        (torch.OutOfMemoryError("full"), "full"),
        (ValueError(), "ValueError"),
    ],
)
def test_whatever_a_kernel_fails_of_is_a_reason(problem, reason):
    def run():
        raise problem

    assert why_not(run) == reason
    assert why_not(lambda: None) is None


def test_a_contender_that_fails_is_a_row_and_a_line(monkeypatch):
    def breaks(query, key, value):
        if torch.is_grad_enabled():
            raise RuntimeError("no backward pass")
        return query + key + value

    those = {name: Contender(split_heads, lambda q, k, v: q * k * v) for name in ("a", "b")}
    those |= {"local_blocked": Contender(split_heads, breaks)}
    monkeypatch.setattr(attention_kernels, "contenders", lambda *_: those)
    monkeypatch.setattr(clocks, "SECONDS_PER_ROUND", 0.0)
    monkeypatch.setattr(clocks, "PRODUCT_SIDE", {"cpu": 8})

    rows = attention_kernels.measure((20, 4, "float32", "cpu"))

    assert [(r["name"], r["phase"], r["why_not"]) for r in rows if "why_not" in r] == [
        ("local_blocked", "forward+backward", "no backward pass")
    ]
    assert sum("ms" in r for r in rows) == 5
    about = {"machine": "a processor", "date": "today", "versions": "torch", "threads": 1}
    page = as_markdown(about | {"rows": rows})
    assert "- local_blocked, forward+backward: no backward pass" in page


def test_a_length_at_which_it_fails_is_told_where_it_runs_at_others():
    place = {"name": "longformer", "phase": "forward", "window": 32, "dtype": "float32"}
    ran = place | {"tokens": 1000, "ms": 1.0, "times_limit": 2.0, "timed_in": "launches"}
    failed = place | {"tokens": 64_000, "why_not": "full"}
    about = {"machine": "a processor", "date": "today", "versions": "torch", "threads": 1}
    page = as_markdown(about | {"rows": [ran, failed]})
    assert "- longformer, forward at 64,000 tokens: full" in page
    assert "| longformer, with its host | 1.00 | 2.00 |" in page
