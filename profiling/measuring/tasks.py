"""Measure one point in this process: the tasks of a measuring child, yielding parts of a row."""

import ctypes
from collections.abc import Iterator
from typing import Any

import torch

from lightning_modules.errors import ModelError
from profiling.instruments.memory import check_peak, return_freed_pages, supports_peak
from profiling.instruments.steps import rows_of
from profiling.measuring.batch_search import search_batch
from profiling.measuring.device_busy import measure_device_busy
from profiling.measuring.masking import masked_step_ratio
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.paths.compiling import CompileWatch
from profiling.measuring.process_limits import set_threads
from profiling.measuring.steps.building import batch_of, build_point, facts_of
from profiling.measuring.steps.memory_of_steps import MemoryOfSteps, memory_beside_speed
from profiling.measuring.steps.rehearsal import rehearse
from profiling.measuring.steps.surroundings import Surroundings
from profiling.measuring.steps.trainer_runs import prepare_process, run_steps
from profiling.measuring.steps.turn import HandOver
from profiling.planning.points import Point
from profiling.planning.requests import Effort
from profiling.rows.machine import driver_version
from profiling.rows.own_process import usable_cores

Part = dict[str, Any]
# About what a process takes of a GPU by entering it; it belongs to whoever asks for free memory.
CONTEXT_GIB = 0.5
# As CUDA's driver numbers them.
COMPUTE_MODE, EXCLUSIVE_PROCESS = 20, 3


def measure_speed(point: Point, hand_over: HandOver | None = None) -> Iterator[Part]:
    """Yield a row's facts, its latency at batch size 1 and what else is asked for.

    That is its throughput, and what a mask of padding adds; on CUDA its memory too: the allocator
    tells it exactly, whatever else the process does.

    `hand_over` lets the processes have their turn that this one is compared with.
    """
    set_threads(point.conditions.threads)
    surroundings = Surroundings(point, hand_over)
    prepare_process(point)
    batch = batch_of(point, 1)
    memory = MemoryOfSteps(point) if memory_beside_speed(point) else None
    module = build_point(point)
    yield facts_of(module, point) | {"cores": usable_cores() or None}
    check = ActivePathCheck(point, batch)
    watches = [CompileWatch()] if point.compiled else []
    checks = [*memory.before(check), *watches] if memory else [check, *watches]
    samples = surroundings.time_steps(
        module, point, batch, point.effort, checks, memory=memory.peak if memory else None
    )
    (row,) = rows_of(samples)
    for watch in watches:
        yield watch.fields([sample.latency_ms for sample in samples])
    latency = {name: value for name, value in row.items() if name.startswith("latency_ms")}
    yield (
        latency
        | surroundings.fields()
        | {
            "attention_kernel": check.kernel,
            "page_faults_per_step": row["page_faults_per_step"],
        }
    )
    yield surroundings.device_fields(len(samples))
    if memory:
        yield memory.fields(samples)
    is_timed_more = bool({"throughput", "masked_steps"} & {*point.metrics})
    left = None if is_timed_more else module  # beside it the largest batch would not fit
    del module, check, checks, memory, batch
    yield from _measure_batches(point, latency["latency_ms"], surroundings)
    if point.conditions.device == "cuda":
        surroundings.let_others()  # what follows leaves the device idle for a second or more
        yield measure_device_busy(point, latency["latency_ms"], left)


def _measure_batches(point: Point, latency_ms: float, surroundings: Surroundings) -> Iterator[Part]:
    """Yield throughput, and what a mask adds, where they are asked for."""
    batch_size = 0
    if "throughput" in point.metrics:
        found = search_batch(point, point.effort, 1e3 / latency_ms, surroundings)
        batch_size = found["throughput_batch_size"]
        yield found | surroundings.fields()
    if "masked_steps" in point.metrics:
        yield _masked_steps(point, batch_size)


def _masked_steps(point: Point, batch_size: int) -> Part:
    """Return what a mask adds at batch size 1 and, if there is one, at the throughput's."""
    found: Part = {"masked_step_ratio": masked_step_ratio(point, 1)}
    if batch_size:
        found["throughput_masked_step_ratio"] = masked_step_ratio(point, batch_size)
    return found


def measure_memory(point: Point) -> Iterator[Part]:
    """Yield memory fields at batch size 1: the loaded model, the first step, a later one.

    They stay null on a system that lets no process reset its peak, and where the process holds a
    compiler.
    """
    device = point.conditions.device
    if not supports_peak(device) or point.holds_compiler:
        return
    prepare_process(point)
    batch = batch_of(point, 1)
    if device == "cpu":
        check_peak()
        return_freed_pages()
    memory = MemoryOfSteps(point)
    rehearse(point)
    memory.peak.about_to_load()
    module = build_point(point)
    yield facts_of(module, point)
    checks = memory.before(ActivePathCheck(point, batch))
    samples = run_steps(module, point, batch, Effort(1, 1, 0.0), checks, memory.peak)
    yield memory.fields(samples)


def describe_cuda() -> dict[str, Any]:
    """Return name and memory of the CUDA device, and the versions of what drives it.

    `is_exclusive` tells whether the device lets one process in at a time. Nothing of this enters
    the device, so that it may be asked beside a measurement.

    Raises:
        ModelError: There is none that torch can use.
    """
    if not torch.cuda.is_available():
        raise ModelError(_why_no_cuda())
    properties = torch.cuda.get_device_properties(0)
    return {
        "name": properties.name,
        "memory_gib": properties.total_memory / 2**30,
        "is_exclusive": _is_exclusive(),
        "cuda_version": torch.version.cuda,
        "cudnn_version": str(torch.backends.cudnn.version() or "none"),
        "driver_version": driver_version(),
    }


def _why_no_cuda() -> str:
    """Say what is known: a driver that is too old for this torch looks like no GPU at all."""
    cuda, driver = torch.version.cuda, driver_version()
    built = f"built for CUDA {cuda}" if cuda else "built without CUDA"
    loaded = f"the driver is {driver}" if driver else "no driver of NVIDIA is loaded"
    return (
        "`device` cuda needs a CUDA device that torch can use, got none: "
        f"torch {torch.__version__} is {built}, and {loaded}"
    )


def free_cuda_gib() -> float:
    """Return what others leave of the memory of the CUDA device, in GiB.

    Whoever asks enters the device: only where something is about to be measured.

    Raises:
        ModelError: There is none, or another process has it for itself.
    """
    described = describe_cuda()
    try:
        free, _ = torch.cuda.mem_get_info()
    except RuntimeError as problem:
        reason = str(problem).splitlines()[0]
        raise ModelError(
            f"`device` cuda must let this process in, and {described['name']} does not: {reason}"
        ) from None
    return min(float(described["memory_gib"]), free / 2**30 + CONTEXT_GIB)


def _is_exclusive() -> bool:
    """Ask the driver, as torch does not tell: sites set that with `nvidia-smi -c`."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    mode = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(mode), COMPUTE_MODE, 0)
    return mode.value == EXCLUSIVE_PROCESS
