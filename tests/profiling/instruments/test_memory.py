import ctypes
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch

from lightning_modules.allocator import keep_freed_memory, page_faults, take_and_free
from profiling.children.server import run_in_child
from profiling.instruments import allocated
from profiling.instruments.allocated import allocated_mib
from profiling.instruments.memory import (
    PeakMemory,
    check_peak,
    peak_mib,
    resident_mib,
    return_freed_pages,
    supports_peak,
)
from profiling.measuring.process_limits import forget
from profiling.rows import own_process

MIB = 2**20


def in_child(server: ForkServerContext, work: Callable[..., Any], task: Any = None) -> Any:
    """Run like a measurement: other tests leave threads behind, whose counts of pages lag."""
    outcome = run_in_child(server, f"{__name__}:{work.__name__}", task, 100)
    assert outcome.kind == "ok", outcome
    return outcome.value


def measure_a_tensor(size_mib: int) -> None:
    return_freed_pages()
    check_peak(size_mib)


@pytest.mark.parametrize("size_mib", [24, 80])
def test_a_tensor_of_known_size_is_measured(server: ForkServerContext, size_mib: int) -> None:
    in_child(server, measure_a_tensor, size_mib)


def measure_what_was_freed() -> tuple[float, float, float]:
    return_freed_pages()
    memory = PeakMemory("cpu")
    weights = torch.ones(20 * MIB // 4)
    memory.loaded()
    memory.reset()
    torch.ones(40 * MIB // 4)
    highest = memory.read()
    memory.reset()
    assert len(weights)
    return memory.weights_mib, highest, memory.read()


def test_the_peak_counts_what_was_freed_again_and_weights(server: ForkServerContext) -> None:
    weights, highest, after = in_child(server, measure_what_was_freed)
    assert weights == pytest.approx(20, abs=1)
    assert highest == pytest.approx(60, abs=2)
    assert after == pytest.approx(20, abs=2)


def measure_a_loaded_model() -> float:
    return_freed_pages()
    module = torch.nn.Linear(1024, 3 * 1024)
    memory = PeakMemory.of_loaded(module)
    memory.reset()
    return memory.read()


def test_a_model_that_is_already_there_counts_with_its_parameters(
    server: ForkServerContext,
) -> None:
    assert in_child(server, measure_a_loaded_model) == pytest.approx(12, abs=2)


def test_a_system_whose_peak_is_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiling.instruments.memory.peak_mib", lambda: 1e6)
    with pytest.raises(RuntimeError, match="cannot be believed"):
        check_peak(16)


def count_what_is_in_use() -> list[float]:
    keep_freed_memory()
    before = allocated_mib("cpu")
    assert before is not None
    small = [torch.ones(1000) for _ in range(700)]
    large = torch.ones(40 * MIB // 4)
    counted = [allocated_mib("cpu")]
    small.clear()
    counted.append(allocated_mib("cpu"))
    del large
    counted.append(allocated_mib("cpu"))
    return [mib - before for mib in counted if mib is not None]


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="this C library does not tell what is used"
)
def test_memory_in_use_is_counted_to_the_block_also_where_freed_pages_stay(
    server: ForkServerContext,
) -> None:
    counted = in_child(server, count_what_is_in_use)
    assert counted == pytest.approx([42.7, 40, 0], abs=0.3)


def test_where_memory_in_use_is_not_told_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocated, "_can_be_read", lambda: False)
    assert allocated_mib("cpu") is None


def test_where_no_private_memory_is_told_the_most_that_was_resident_stands_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    private = resident_mib()
    monkeypatch.setattr(own_process, "PROC", tmp_path)
    assert private <= resident_mib() < 1000 * private
    assert not supports_peak("cpu")
    with pytest.raises(RuntimeError, match="peak memory needs Linux"):
        peak_mib()


def return_pages_to_a_library_without_settings() -> None:
    with patch.object(ctypes, "CDLL", lambda name: object()):
        return_freed_pages()
        forget("cpu")


def test_a_c_library_without_settings_is_left_as_it_is(server: ForkServerContext) -> None:
    in_child(server, return_pages_to_a_library_without_settings)


def find_pages_again() -> None:
    """Count the pages that a block needs once more, after both ways of forgetting."""
    if not keep_freed_memory():
        return
    take_and_free(64 * MIB)
    faults = []
    for keeps in (True, False):
        forget("cpu", keeps)
        before = page_faults()
        take_and_free(64 * MIB)
        faults.append(page_faults() - before)
    assert faults[0] <= 50 < faults[1], faults


def test_pages_that_are_kept_are_found_again(server: ForkServerContext) -> None:
    in_child(server, find_pages_again)
