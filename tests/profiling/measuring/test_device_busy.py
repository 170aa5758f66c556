"""The time in which a GPU computes, from what torch's profiler writes down of a step."""

import gc
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import lightning
import pytest
import torch
from torch._C._autograd import DeviceType

from profiling.measuring import device_busy, tasks
from profiling.measuring.device_busy import (
    BusyWatch,
    busy_ms,
    host_bound_share,
    intervals_of,
    measure_device_busy,
)
from profiling.measuring.steps.building import batch_of, build_point
from profiling.measuring.steps.trainer_runs import run_steps
from profiling.planning.assumed_devices import PROFILED_STEPS
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from tests.samples.variants.points import points_of


@dataclass
class Recorded:
    """An event as the profiler's library has it."""

    name: str
    begin_us: float
    took_us: float
    device: DeviceType = DeviceType.CUDA
    is_range: bool = False

    def device_type(self) -> DeviceType:
        return self.device

    def start_ns(self) -> int:
        return int(self.begin_us * 1e3)

    def duration_ns(self) -> int:
        return int(self.took_us * 1e3)

    def is_user_annotation(self) -> bool:
        return self.is_range


# Of a training step: two streams, a copy beside a kernel, an optimiser's step that is marked.
STEP = [
    Recorded("aten::addmm", 0, 900, DeviceType.CPU),
    Recorded("cudaLaunchKernel", 5, 4, DeviceType.CPU),
    Recorded("sm90_xmma_gemm_bf16bf16_bf16f32", 100, 50),
    Recorded("Memcpy HtoD (Pageable -> Device)", 120, 10),
    Recorded("flash_fwd_kernel", 140, 60),
    Recorded("Optimizer.step#AdamW.step", 90, 800, is_range=True),
    Recorded("Memset (Device)", 400, 2),
    Recorded("multi_tensor_apply_kernel", 500, 300),
    Recorded("nvjet_tst_64x8", 500, 300),
]


def test_what_runs_side_by_side_counts_once_and_waiting_not_at_all() -> None:
    assert busy_ms(intervals_of(STEP)) == pytest.approx((100 + 2 + 300) / 1e3)


def test_the_order_of_events_is_no_matter() -> None:
    assert busy_ms(intervals_of(STEP[::-1])) == busy_ms(intervals_of(STEP))


def test_a_device_of_which_nothing_was_seen_is_unknown_and_not_idle() -> None:
    nothing = busy_ms(intervals_of(STEP[:2]))
    assert nothing is None
    assert host_bound_share(nothing, 1.0) is None


@pytest.mark.parametrize(("busy", "share"), [(0.25, 0.75), (1.0, 0.0), (1.2, 0.0)])
def test_the_hosts_share_is_what_the_device_waits(busy: float, share: float) -> None:
    assert host_bound_share(busy, 1.0) == share


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_one_step_of_the_phase_is_profiled(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU, whose operators the profiler writes down alike."""
    points = points_of("text", [12], [{"name": "bert", "implementations": ["sdpa"]}])
    point = next(point for point in points if point.phase == phase)
    point = replace(point, num_classes=130)
    cpu = torch.profiler.ProfilerActivity.CPU
    profile = torch.profiler.profile
    monkeypatch.setattr(
        torch.profiler, "profile", lambda **_: profile(activities=[cpu], acc_events=True)
    )
    watch = BusyWatch()
    module = build_point(point)
    run_steps(module, point, batch_of(point, 1), Effort(3, 2, 0.0), [watch])
    names = [event.name() for event in watch.events]
    layers = names.count("aten::scaled_dot_product_attention")
    assert layers == module.model.config.num_hidden_layers  # of one step, not of five
    assert any("AdamW" in name for name in names) == (phase == "training")


def test_a_row_gets_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(*given: Any) -> Sequence[Any]:
        (watch,) = given[-1]
        watch.events = STEP
        return []

    monkeypatch.setattr(device_busy, "run_steps", seen)
    assert measure_device_busy(point_of("inference"), 0.804) == {
        "device_busy_ms": pytest.approx(0.402),
        "host_bound_share": pytest.approx(0.5),
    }


def test_a_compiled_point_learns_its_kernel_from_the_last_run_of_its_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def seen(*given: Any) -> Sequence[Any]:
        check, watch = given[-1]
        watch.events = STEP
        check.kernel = "flash_attention" if check._may_profile else "never seen"
        return []

    monkeypatch.setattr(device_busy, "run_steps", seen)
    monkeypatch.setattr(device_busy, "build_point", lambda point: object())
    monkeypatch.setattr(device_busy, "batch_of", lambda point, batch_size: {})
    monkeypatch.setattr(device_busy, "forget", lambda device: None)
    point = point_of("inference")
    on_gpu = replace(point, conditions=replace(point.conditions, device="cuda"), compiled=True)
    assert measure_device_busy(on_gpu, 0.804)["attention_kernel"] == "flash_attention"


class Calm:
    """Surroundings in which nothing happens."""

    def time_steps(self, *_: Any, **__: Any) -> list[Any]:
        return []

    def let_others(self) -> None:
        pass

    def fields(self) -> dict[str, Any]:
        return {}

    def device_fields(self, num_steps: int) -> dict[str, Any]:
        return {}


MODEL = object()


@pytest.mark.parametrize(
    ("metrics", "timed", "looked_at"),
    [
        (("latency",), [], MODEL),
        (("latency", "throughput"), ["search_batch"], None),
        (("latency", "masked_steps"), ["masked_step_ratio"], None),
        (
            ("latency", "throughput", "masked_steps"),
            ["search_batch", "masked_step_ratio", "masked_step_ratio"],
            None,
        ),
    ],
)
def test_nothing_is_timed_after_the_profiler_was_there(
    metrics: tuple[str, ...],
    timed: list[str],
    looked_at: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []
    given: list[object] = []

    def noting(name: str, found: Any) -> Any:
        def call(*arguments: Any) -> Any:
            called.append(name)
            given[:] = arguments
            return found

        return call

    rows = [{"latency_ms": 2.0, "page_faults_per_step": 0.0}]
    for name, found in {
        **dict.fromkeys(("set_threads", "prepare_process", "batch_of", "facts_of"), {}),
        "Surroundings": Calm(),
        "build_point": MODEL,
        "ActivePathCheck": SimpleNamespace(kernel=None),
        "rows_of": rows,
        "search_batch": {"throughput_batch_size": 2},
        "masked_step_ratio": 1.0,
        "measure_device_busy": {},
    }.items():
        monkeypatch.setattr(tasks, name, noting(name, found))
    point = point_of("inference")
    on_gpu = replace(point.conditions, device="cuda")
    point = replace(point, conditions=on_gpu, metrics=metrics)
    assert [*tasks.measure_speed(point)]
    begin = called.index("rows_of") + 1
    assert called[begin:] == [*timed, "measure_device_busy"]
    assert given == [point, 2.0, looked_at]


def test_an_estimate_knows_how_many_steps_a_look_takes() -> None:
    assert PROFILED_STEPS == device_busy.STEP + 1


def point_of(phase: str) -> Point:
    points = points_of("text", [12], [{"name": "bert", "implementations": ["sdpa"]}])
    return replace(next(point for point in points if point.phase == phase), num_classes=130)


class Optimisers(lightning.Callback):
    """Knows the optimisers of runs for as long as they live."""

    def __init__(self) -> None:
        self.seen: list[weakref.ReferenceType[torch.optim.Optimizer]] = []

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self.seen += [weakref.ref(optimiser) for optimiser in trainer.optimizers]


def test_the_optimiser_of_the_measured_steps_is_gone_before_another_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = point_of("training")
    module, batch, optimisers = build_point(point), batch_of(point, 1), Optimisers()
    alive: list[bool] = []

    def look(*given: Any) -> list[Any]:
        alive.extend(optimiser() is not None for optimiser in optimisers.seen)
        return run_steps(*given)

    monkeypatch.setattr(device_busy, "run_steps", look)
    gc.disable()  # it comes when it comes
    try:
        run_steps(module, point, batch, Effort(0, 1, 0.0), [optimisers])
        measure_device_busy(point, 1.0, module)
    finally:
        gc.enable()
    assert alive == [False]


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_look_that_fails_leaves_both_numbers_out_and_nothing_running(
    phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = point_of(phase)
    module = build_point(point)
    name = "predict_step" if phase == "inference" else "training_step"
    step = getattr(module, name)

    def fails_when_looked_at(batch: Any, batch_idx: int) -> Any:
        if batch_idx == device_busy.STEP:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(batch, batch_idx)

    monkeypatch.setattr(module, name, fails_when_looked_at)
    cpu = torch.profiler.ProfilerActivity.CPU
    profile = torch.profiler.profile
    monkeypatch.setattr(torch.profiler, "profile", lambda **_: profile(activities=[cpu]))
    fields = measure_device_busy(point, 1.0, module)
    assert fields == {"device_busy_ms": None, "host_bound_share": None}
    assert not torch._C._autograd._profiler_enabled()


def test_a_model_that_cannot_be_built_again_leaves_both_numbers_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(point: Point) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(device_busy, "build_point", fails)
    fields = measure_device_busy(point_of("inference"), 1.0)
    assert fields == {"device_busy_ms": None, "host_bound_share": None}
