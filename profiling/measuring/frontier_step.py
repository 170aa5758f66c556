"""Whole steps at one batch size and length, to see whether they fit into the memory budget."""

from collections.abc import Iterator
from typing import Any

from profiling.instruments.memory import PeakMemory, return_freed_pages, supports_peak
from profiling.measuring.paths.active_path import ActivePathCheck
from profiling.measuring.process_limits import limit_memory, set_threads
from profiling.measuring.steps.building import batch_of, build_point, facts_of
from profiling.measuring.steps.first_step import FirstStep
from profiling.measuring.steps.rehearsal import rehearse
from profiling.measuring.steps.trainer_runs import choose_kernels, run_steps
from profiling.planning.frontier import WholeSteps
from profiling.planning.requests import Effort

# In training the optimiser's state is there from the second step on.
EFFORT = Effort(num_warmup_steps=1, min_samples=1, seconds_per_measurement=0.0)


def make_whole_steps(task: WholeSteps) -> Iterator[dict[str, Any]]:
    """Yield the memory of a step and of the one after it, batch, model and all, in MiB.

    The limit is set after a rehearsal: what a process takes to start its threads and to read its
    libraries in is in no budget. `fitting_peak_mib` is the highest of both steps, null where the
    system lets no process reset its peak.

    Yields:
        `positions`: how many tokens the model takes, if those are too few; then nothing else.
        Facts of the model; then `fitting_peak_mib` and `loaded_memory_mib`.

    Raises:
        RuntimeError: The active path is not the one asked for, where that is `checked`.
        MemoryError: The budget is too small; torch has errors of its own for that.
    """
    point = task.point
    device = point.conditions.device
    set_threads(point.conditions.threads)
    if device == "cpu":
        return_freed_pages()  # before: what stayed mapped of a rehearsal would come on top
    choose_kernels(point.conditions)
    rehearse(point)
    limit_memory(point.conditions.memory_budget_gib, device)
    memory = PeakMemory(device) if supports_peak(device) else None
    batch = batch_of(point, task.batch_size)
    if memory is not None:
        memory.about_to_load()  # the batch is in the peak, and no part of the model
    module = build_point(point)
    longest = module.longest_input
    if longest is not None and longest < point.length:
        yield {"positions": longest}
        return
    yield facts_of(module, point)
    checks = [ActivePathCheck(point, batch)] if task.checked else []
    if memory is None:
        run_steps(module, point, batch, EFFORT, checks)
        return
    first = FirstStep(memory)
    samples = run_steps(
        module, point, batch, EFFORT, [memory.when_loaded(), *checks, first], memory
    )
    peaks = [first.peak_mib, *(sample.peak_memory_mib for sample in samples)]
    yield {
        "fitting_peak_mib": max(peak for peak in peaks if peak is not None),
        "loaded_memory_mib": memory.weights_mib,
    }
