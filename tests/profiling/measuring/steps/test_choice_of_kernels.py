"""What a measuring process says to a GPU, and what a row says of it."""

from dataclasses import replace
from typing import Any

import pytest

from profiling.measuring.steps import trainer_runs
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.rows import machine
from profiling.rows.columns import COLUMNS
from profiling.sweeping.preparation import Preparation
from tests.samples.variants.points import CONDITIONS, points_of

ON_CUDA: dict[str, Any] = {
    "tf32": True,
    "cudnn_benchmark": False,
    "sdpa_backend": "efficient",
    "cuda_version": "13.0",
    "cudnn_version": "91900",
    "driver_version": "580.65.06",
}
LOADED = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
    "GCC version:  gcc version 13.3.0\n"
)


class OneGpu:
    """Answers for children of a machine that has a GPU."""

    def ask(self, function: str, task: object) -> dict[str, object]:
        assert function == "profiling.measuring.tasks:describe_cuda"
        versions = {name: ON_CUDA[name] for name in ON_CUDA if name.endswith("version")}
        return {"name": "NVIDIA H200", "memory_gib": 139.8, **versions}


def conditions_of(settings: SweepSettings) -> dict[str, object]:
    return Preparation(settings, OneGpu(), None).plan().points[0].columns  # type: ignore[arg-type]


def test_rows_of_a_gpu_say_arithmetic_backend_and_versions() -> None:
    texts = {"text": ModalitySettings(["bert"], [64])}
    settings = SweepSettings(texts, device="cuda", tf32=True, sdpa_backend="efficient")
    columns = conditions_of(settings)
    assert {name: columns[name] for name in ON_CUDA} == ON_CUDA


def test_what_a_gpu_alone_has_is_null_on_a_cpu_and_leaves_keys_as_they_were() -> None:
    (point, *_) = points_of("text", [64], ["bert"])
    assert all(point.columns[name] is None for name in ON_CUDA)
    assert all(column.before is None for column in COLUMNS if column.name in ON_CUDA)


@pytest.mark.parametrize("name", ON_CUDA)
def test_rows_that_differ_in_one_of_them_have_other_keys(name: str) -> None:
    (point, *_) = points_of("text", [64], ["bert"])
    on_gpu = replace(point, conditions=replace(CONDITIONS, device="cuda", **ON_CUDA))
    changed: dict[str, Any] = {name: "other"}
    other = replace(on_gpu.conditions, **changed)
    assert replace(on_gpu, conditions=other).key != on_gpu.key


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_measuring_process_chooses_for_a_gpu_alone(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(trainer_runs, "choose_arithmetic", lambda *given: said.append(given))
    monkeypatch.setattr(trainer_runs, "choose_sdpa", said.append)
    chosen = ON_CUDA if device == "cuda" else {}
    trainer_runs.choose_kernels(replace(CONDITIONS, device=device, **chosen))
    assert said == ([(True, False), "efficient"] if device == "cuda" else [])


def test_the_driver_is_the_one_that_the_kernel_has_loaded(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "version"
    monkeypatch.setattr(machine, "DRIVER", path)
    assert machine.driver_version() is None
    path.write_text(LOADED)
    assert machine.driver_version() == "580.65.06"
