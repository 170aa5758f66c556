"""How much of a step a GPU computes: where it waits for the host, a faster kernel saves nothing."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import lightning
import torch
from torch._C._autograd import DeviceType

from lightning_modules.models.base import VariantModule
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.paths.compiling import SILENT
from profiling.measuring.process_limits import forget
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.points import Point
from profiling.planning.requests import Effort

STEP = 2  # which one is looked at, counted from 0: the first ones prepare libraries and optimiser


def measure_device_busy(
    point: Point, latency_ms: float, module: VariantModule | None = None
) -> dict[str, Any]:
    """Return what a row says of the device in a step: how long it computes, and the host's share.

    One step is made under torch's profiler, which slows the host down and not the kernels. So the
    times of kernels are taken from there, and the step's from steps that were left alone. Whatever
    goes wrong here, the point has been measured: then both are null.

    Nothing may be timed in this process afterwards: the profiler stays attached to CUDA, and every
    launch takes the host longer from then on (github.com/pytorch/pytorch/issues/144455). For that
    reason a compiled point learns only here which attention kernel it ran.

    Args:
        point: What is measured.
        latency_ms: Of a step that was left alone.
        module: Of the point, which has been measured; None builds a fresh one.
    """
    if module is not None:
        # With it goes the state of the optimiser before, beside which another one's may not fit.
        module.trainer = None  # type: ignore[assignment]
    forget(point.conditions.device)
    busy = None
    found: dict[str, Any] = {}
    with suppress(Exception):
        module, batch, watch = module or build_point(point), batch_of(point, 1), BusyWatch()
        check = ActivePathCheck(point, batch, is_last=True)
        checks = [check, watch] if point.compiled else [watch]
        run_steps(module, point, batch, Effort(STEP, 1, 0.0), checks)
        busy = busy_ms(intervals_of(watch.events))
        found = {"attention_kernel": check.kernel} if point.compiled else {}
    return found | {
        "device_busy_ms": busy,
        "host_bound_share": host_bound_share(busy, latency_ms),
    }


class BusyWatch(lightning.Callback):
    """Runs torch's profiler during one step.

    Attributes:
        events: What the profiler saw.
    """

    def __init__(self) -> None:
        """Begin before any step."""
        os.environ.setdefault("KINETO_LOG_LEVEL", SILENT)
        self.events: list[Any] = []
        self._looks = False
        self._profile = torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CUDA], acc_events=True
        )

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Begin with the step that is looked at."""
        self._begin(batch_idx)

    def on_predict_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Begin with the step that is looked at."""
        self._begin(batch_idx)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End with it."""
        self._end(batch_idx)

    def on_predict_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """End with it."""
        self._end(batch_idx)

    def on_exception(self, *_: Any) -> None:
        """Stop looking: later steps of the process would take longer."""
        if self._looks:
            self._profile.stop()

    def _begin(self, batch_idx: int) -> None:
        if batch_idx == STEP:
            _synchronise()
            self._profile.start()
            self._looks = True

    def _end(self, batch_idx: int) -> None:
        if batch_idx != STEP:
            return
        _synchronise()
        self._profile.stop()
        self._looks = False
        seen: Any = self._profile.profiler
        self.events = list(seen.kineto_results.events())


def intervals_of(events: Iterable[Any]) -> list[tuple[int, int]]:
    """Return begin and end, in ns, of what ran on a GPU: kernels, copies, fills.

    What a program marks as a stretch of its own (an optimiser's step) is shown on the GPU as well,
    waiting included: that is left out.

    Args:
        events: Of the profiler, in the form of its own library.
    """
    return [
        (event.start_ns(), event.start_ns() + event.duration_ns())
        for event in events
        if event.device_type() == DeviceType.CUDA and not event.is_user_annotation()
    ]


def busy_ms(intervals: Sequence[tuple[int, int]]) -> float | None:
    """Return for how long anything ran, in ms, what ran side by side once; None of nothing."""
    if not intervals:
        return None
    busy, reached = 0, min(begin for begin, _ in intervals)
    for begin, end in sorted(intervals):
        busy += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return busy / 1e6


def host_bound_share(busy: float | None, latency_ms: float) -> float | None:
    """Return the share of a step in which the device has nothing to do, 0 to 1."""
    return None if busy is None else min(1.0, max(0.0, 1 - busy / latency_ms))


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
