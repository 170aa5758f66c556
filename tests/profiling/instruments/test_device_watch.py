"""What is read of a GPU, from a library that behaves like NVIDIA's."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from profiling.instruments.device_watch import DeviceWatch

NOTHING = {
    "gpu_mhz": None,
    "gpu_watts": None,
    "gpu_joules_per_step": None,
    "gpu_throttles": None,
}


class NVMLError(Exception):
    pass


class Nvml(ModuleType):
    NVML_CLOCK_SM = 1
    NVMLError = NVMLError

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.millijoules = 5_000_000
        self.clocks = iter([1980, 1700])
        self.reasons = iter([0x0, 0x4 | 0x1 | 0x40])
        self.refused: set[str] = set()

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("nvmlDevice") and name in self.refused:
            return self._refuse
        return super().__getattribute__(name)

    def _refuse(self, *_: object) -> None:
        raise NVMLError("Not Supported")

    def nvmlInit(self) -> None:  # noqa: N802 - the library's names
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        assert uuid == "GPU-1234-56"
        return "handle"

    def nvmlDeviceGetClockInfo(self, handle: str, clock: int) -> int:  # noqa: N802
        assert (handle, clock) == ("handle", self.NVML_CLOCK_SM)
        return next(self.clocks)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: str) -> int:  # noqa: N802
        return next(self.reasons)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        return self.millijoules


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    library = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    properties = SimpleNamespace(uuid="1234-56")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    return library


def work(
    watch: DeviceWatch,
    nvml: Nvml,
    joules: float,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float = 2.0,
) -> None:
    times = iter([10.0, 10.0 + seconds])
    monkeypatch.setattr("profiling.instruments.device_watch.time.perf_counter", lambda: next(times))
    watch.begin()
    nvml.millijoules += int(joules * 1e3)
    watch.end()


def test_energy_is_that_of_the_work_alone_and_throttling_that_of_any_moment(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = DeviceWatch("cuda")
    work(watch, nvml, 900, monkeypatch)
    nvml.millijoules += 77_000  # while others had their turn
    work(watch, nvml, 1100, monkeypatch)
    assert watch.fields(num_steps=40) == {
        "gpu_mhz": 1840.0,
        "gpu_watts": 500.0,
        "gpu_joules_per_step": 50.0,
        "gpu_throttles": ["hardware thermal", "power cap"],
    }


def test_turns_that_are_short_beside_the_ticks_of_the_counter_say_nothing_of_energy(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = DeviceWatch("cuda")
    for _ in range(2):
        work(watch, nvml, 60, monkeypatch, seconds=0.25)
    found = watch.fields(num_steps=40)
    assert (found["gpu_watts"], found["gpu_joules_per_step"]) == (None, None)
    assert found["gpu_mhz"] == 1840.0


def test_a_long_turn_tells_the_power_of_the_steps_of_short_ones_too(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = DeviceWatch("cuda")
    work(watch, nvml, 600, monkeypatch, seconds=2.0)
    work(watch, nvml, 7, monkeypatch, seconds=0.5)
    found = watch.fields(num_steps=10)
    assert (found["gpu_watts"], found["gpu_joules_per_step"]) == (300.0, 75.0)


def test_what_a_device_does_not_tell_is_null_and_the_rest_is_there(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.refused = {"nvmlDeviceGetTotalEnergyConsumption"}
    watch = DeviceWatch("cuda")
    watch.begin()
    watch.end()
    assert watch.fields(3) == NOTHING | {"gpu_mhz": 1980.0, "gpu_throttles": []}


def test_a_device_that_the_library_does_not_know_is_not_watched(nvml: Nvml) -> None:
    nvml.refused = {"nvmlDeviceGetHandleByUUID"}
    watch = DeviceWatch("cuda")
    watch.begin()
    watch.end()
    assert watch.fields(3) == NOTHING


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_without_a_gpu_or_the_library_all_is_null(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    watch = DeviceWatch(device)
    watch.begin()
    watch.end()
    assert watch.fields(3) == NOTHING
