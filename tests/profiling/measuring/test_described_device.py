"""What a sweep is told of the GPU that it measures on, by a driver that a test plays."""

import ctypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lightning_modules.errors import ModelError
from profiling.measuring import tasks
from profiling.measuring.tasks import CONTEXT_GIB, describe_cuda, free_cuda_gib
from profiling.rows import machine

GIB = 2**30


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU of 24 GiB, of which others and the own context hold a part."""
    card = SimpleNamespace(name="a card", total_memory=24 * GIB)
    for name, answer in {
        "is_available": lambda: True,
        "get_device_properties": lambda _: card,
        "mem_get_info": lambda: (15 * GIB, 24 * GIB),
    }.items():
        monkeypatch.setattr(torch.cuda, name, answer)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91900)


@pytest.mark.parametrize(("mode", "is_exclusive"), [(0, False), (2, False), (3, True)])
@pytest.mark.usefixtures("gpu")
def test_who_may_come_in_is_told(
    mode: int, is_exclusive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(place: Any, attribute: int, device: int) -> int:
        place._obj.value = mode if (attribute, device) == (20, 0) else -1
        return 0

    driver = SimpleNamespace(cuDeviceGetAttribute=answer)
    played = SimpleNamespace(CDLL=lambda _: driver, c_int=ctypes.c_int, byref=ctypes.byref)
    monkeypatch.setattr(tasks, "ctypes", played)
    found = describe_cuda()
    assert found["memory_gib"] == 24
    assert found["is_exclusive"] is is_exclusive


@pytest.mark.usefixtures("gpu")
def test_what_others_leave_of_the_memory_counts_the_own_context_as_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert free_cuda_gib() == 15 + CONTEXT_GIB
    idle = (24 - CONTEXT_GIB / 2) * GIB
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (idle, 24 * GIB))
    assert free_cuda_gib() == 24


@pytest.mark.usefixtures("gpu")
def test_where_no_driver_can_be_asked_a_device_counts_as_shared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(tasks, "ctypes", SimpleNamespace(CDLL=absent))
    assert describe_cuda()["is_exclusive"] is False


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_another_process_has_for_itself_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise RuntimeError("CUDA-capable device(s) is/are busy or unavailable\nCompile with")

    monkeypatch.setattr(torch.cuda, "mem_get_info", refuse)
    assert describe_cuda()["name"] == "a card"  # which does not enter it
    with pytest.raises(ModelError) as refused:
        free_cuda_gib()
    assert str(refused.value) == (
        "`device` cuda must let this process in, and a card does not: "
        "CUDA-capable device(s) is/are busy or unavailable"
    )


@pytest.mark.parametrize(
    ("cuda", "driver", "facts"),
    [
        ("13.0", "550.54.14", "built for CUDA 13.0, and the driver is 550.54.14"),
        ("13.0", None, "built for CUDA 13.0, and no driver of NVIDIA is loaded"),
        (None, "580.65.06", "built without CUDA, and the driver is 580.65.06"),
    ],
)
def test_where_torch_can_use_no_gpu_both_versions_say_why(
    cuda: str | None,
    driver: str | None,
    facts: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A driver that is too old for this torch, or a torch for CPUs, looks like no GPU at all."""
    loaded = tmp_path / "version"
    if driver:
        loaded.write_text(f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {driver}  Thu Feb 22\n")
    monkeypatch.setattr(machine, "DRIVER", loaded)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch, "__version__", "2.11.0")
    with pytest.raises(ModelError) as refused:
        describe_cuda()
    assert str(refused.value) == (
        f"`device` cuda needs a CUDA device that torch can use, got none: torch 2.11.0 is {facts}"
    )
