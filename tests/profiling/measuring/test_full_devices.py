"""Errors of a GPU's libraries that mean a lack of memory only where the device is full."""

from typing import Any

import pytest
import torch

from profiling.measuring.process_limits import is_out_of_memory

MIB = 2**20
SAID = [
    "GET was unable to find an engine to execute this computation",
    "FIND was unable to find an engine to execute this computation",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One of 1,000 MiB, of which this process may have 800 and has 700."""
    says: dict[str, Any] = {
        "is_available": True,
        "current_device": 0,
        "is_current_stream_capturing": False,
        "mem_get_info": (250 * MIB, 1000 * MIB),
        "memory_allocated": 700 * MIB,
        "memory_reserved": 740 * MIB,
        "get_per_process_memory_fraction": 0.8,
    }
    for name in says:
        monkeypatch.setattr(torch.cuda, name, lambda *_, name=name: says[name])
    return says


@pytest.mark.parametrize("said", SAID)
def test_where_the_device_is_full_they_mean_that_memory_ran_out(
    said: str, gpu: dict[str, Any]
) -> None:
    assert is_out_of_memory(RuntimeError(said))
    gpu["get_per_process_memory_fraction"] = 1.0  # 290 MiB are left of 1,000
    assert not is_out_of_memory(RuntimeError(said))
    gpu["mem_get_info"] = (20 * MIB, 1000 * MIB)  # others have the rest
    assert is_out_of_memory(RuntimeError(said))


@pytest.mark.parametrize("said", SAID)
def test_where_it_is_not_they_mean_something_else(said: str, gpu: dict[str, Any]) -> None:
    gpu["memory_allocated"] = 100 * MIB
    gpu["memory_reserved"] = 140 * MIB
    assert not is_out_of_memory(RuntimeError(said))


def test_other_errors_are_none_of_it_however_full_the_device_is(gpu: dict[str, Any]) -> None:
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError(SAID[0]))


def test_a_device_that_answers_no_question_any_more_is_not_called_full(
    gpu: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "mem_get_info", fail)
    assert not is_out_of_memory(RuntimeError(SAID[0]))


def test_without_a_gpu_they_are_errors() -> None:
    assert not any(is_out_of_memory(RuntimeError(said)) for said in SAID)
