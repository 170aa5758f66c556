"""Clock, power, energy and throttling of a GPU, where NVIDIA's library for it is installed."""

import time
from statistics import fmean
from typing import Any

import torch

# Why a GPU computes more slowly than it could; nvml.h, nvmlClocksThrottleReasons.
THROTTLES = {
    0x04: "power cap",
    0x08: "hardware slowdown",
    0x20: "software thermal",
    0x40: "hardware thermal",
    0x80: "power brake",
}
# The driver counts energy in ticks of about a tenth of a second, the last of which lies in the work
# of whoever computed before: only what is long beside that says what this work took.
LONG_S = 1.0


class DeviceWatch:
    """Watches a GPU between `begin` and `end`, again and again; knows nothing of a CPU."""

    def __init__(self, device: str) -> None:
        """Look for the library and the device."""
        found: tuple[Any, Any] = _open() if device == "cuda" else (None, None)
        self._nvml, self._handle = found
        self._began: tuple[float | None, float] | None = None
        self._joules = self._counted_s = self._watched_s = 0.0
        self._mhz: list[float] = []
        self._throttles: set[str] = set()
        self._knows_throttles = False

    def begin(self) -> None:
        """Begin: work follows at once."""
        self._began = self._read_joules(), time.perf_counter()

    def end(self) -> None:
        """End, at once after work: a device that has nothing to do slows down."""
        self._look()
        if self._began is None:
            return
        before, began_s = self._began
        self._began = None
        joules, seconds = self._read_joules(), time.perf_counter() - began_s
        self._watched_s += seconds
        if before is not None and joules is not None and seconds >= LONG_S:
            self._joules += joules - before
            self._counted_s += seconds

    def fields(self, num_steps: int) -> dict[str, Any]:
        """Return what a row says of the device; null what nobody tells.

        Power is that of the turns of at least `LONG_S`, null where there is none.

        Args:
            num_steps: Made while it was watched, at least one.
        """
        watts = self._joules / self._counted_s if self._joules else None
        return {
            "gpu_mhz": fmean(self._mhz) if self._mhz else None,
            "gpu_watts": watts,
            "gpu_joules_per_step": watts * self._watched_s / num_steps if watts else None,
            "gpu_throttles": sorted(self._throttles) if self._knows_throttles else None,
        }

    def _look(self) -> None:
        mhz = self._ask("nvmlDeviceGetClockInfo", getattr(self._nvml, "NVML_CLOCK_SM", None))
        if mhz is not None:
            self._mhz.append(float(mhz))
        reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        if reasons is not None:
            self._knows_throttles = True
            self._throttles |= {word for bit, word in THROTTLES.items() if reasons & bit}

    def _read_joules(self) -> float | None:
        millijoules = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1e3

    def _ask(self, function: str, *arguments: Any) -> Any:
        """Return what the library says, None where it cannot: a part of a device has no clock."""
        if self._nvml is None:
            return None
        try:
            return getattr(self._nvml, function)(self._handle, *arguments)
        except self._nvml.NVMLError:
            return None


def _open() -> tuple[Any, Any]:
    """Return the library and its name for the device that torch computes on, or None twice."""
    try:
        import pynvml
    except ImportError:
        return None, None
    try:
        pynvml.nvmlInit()
        # By its identity: CUDA_VISIBLE_DEVICES changes the numbers of torch's devices alone.
        uuid = torch.cuda.get_device_properties(0).uuid
        return pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    except pynvml.NVMLError:
        return None, None
