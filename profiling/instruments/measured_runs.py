"""The runs of a Trainer, step by step: what is measured of them, kept and told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from torch import Tensor

from profiling.instruments.batch_shapes import BatchShape
from profiling.instruments.batch_sizes import BatchSizes
from profiling.instruments.components.breaking import Breaking
from profiling.instruments.components.broken_steps import BrokenStep, components_of, with_components
from profiling.instruments.going_on import GoingOn
from profiling.instruments.memory import NoPeak, PeakMemory
from profiling.instruments.step_memory import StepMemory
from profiling.instruments.step_parts import StepParts
from profiling.instruments.steps import Sample, rows_of
from profiling.instruments.telling import Telling, find_allocator


class MeasuredRuns:
    """Measures steps of one run after the other; the callback says when they begin and end.

    Args:
        output: As that of `ProfilingCallback`.
        shape_of: As there.
        memory: As there; `NoPeak` where nobody wants peaks.
        breakdown: As there.

    Attributes:
        samples: The steps that were timed.
    """

    def __init__(
        self,
        output: Path | None,
        shape_of: Callable[[Any], BatchShape] | None,
        memory: PeakMemory | NoPeak | None,
        breakdown: bool,
    ) -> None:
        self.samples: list[Sample] = []
        self._tells_a_file = output is not None
        self._device = "cpu"
        self._processes = 1
        self._steps: StepParts | None = None
        self._running = False
        self._has_batches = False
        self._num_steps = 0
        self._measuring = False
        self._phase = ""
        self._going_on = GoingOn()
        self._sizes = BatchSizes(shape_of, self._going_on)
        self._memory = StepMemory(memory, self._going_on)
        self._telling = Telling(output, self._going_on)
        self._breaking = Breaking(breakdown, self._going_on)

    @property
    def broken_steps(self) -> list[BrokenStep]:
        """The steps that were broken down into components."""
        return self._breaking.steps

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of all runs: see `ProfilingCallback.rows`."""
        allocator = find_allocator() if self._device == "cpu" else None
        alike = {"allocator": allocator, "processes": self._processes}
        broken = self.broken_steps
        kinds = [(step.phase, step.shape, step.step_kind) for step in broken]
        rows = [row | alike for row in rows_of(self.samples, kinds)]
        return with_components(rows, broken) if self._breaking.wanted else rows

    def begin(self, trainer: Trainer, pl_module: LightningModule, phase: str) -> None:
        """Begin a run; what is known of an earlier one of this phase is forgotten."""
        step = "training_step" if phase == "training" else "predict_step"
        self.samples = [sample for sample in self.samples if sample.phase != phase]
        self._phase = phase
        self._running = True
        self._has_batches = False
        self._num_steps = 0
        self._measuring = False
        self._device = pl_module.device.type
        self._processes = trainer.world_size
        self._sizes.begin(trainer, phase)
        self._memory.begin(pl_module, trainer.optimizers if phase == "training" else None)
        with self._going_on.without("all steps of this run"):
            self._steps = StepParts(trainer, pl_module, step, self._breaking.hear)
        self._breaking.begin(pl_module, phase)

    def decide(self, batch: Any, every_n_steps: int, num_warmup_steps: int) -> None:
        """Begin a step: decide whether it is timed, broken down or left alone."""
        self._has_batches = True
        if self._steps is None:
            return
        counted = self._num_steps - num_warmup_steps
        turn, rest = divmod(counted, every_n_steps)
        chosen = counted >= 0 and not rest
        self._breaking.decide(turn if chosen else None)
        self._measuring = chosen and not self._breaking.at_work
        if chosen:
            self._sizes.look_at(batch)
        if self._measuring:
            self._memory.reset()
        self._steps.decide(self._measuring)

    def begin_backward(self, loss: Tensor) -> None:
        """Mark the end of the forward pass."""
        if self._steps is not None:
            self._steps.mark("backward_begin")
        self._breaking.follow_backward(loss)

    def end_backward(self) -> None:
        """Mark the end of the backward pass."""
        if self._steps is not None:
            self._steps.mark("backward_end")

    def note_attempt(self) -> None:
        """Take note that an optimiser is asked to step."""
        if self._steps is not None:
            self._steps.note_attempt()

    def keep(self, trainer: Trainer, step: int | None = None) -> None:
        """End a step, and keep what was measured.

        Args:
            trainer: Has the loggers that get it.
            step: The loggers' step; None counts those of this run.
        """
        if self._steps is None:
            return
        step = self._num_steps if step is None else step
        self._steps.finish()
        self._num_steps += self._steps.ended_group
        if self._breaking.at_work:
            row = self._keep_broken(self._steps)
        elif self._measuring:
            row = self._keep_timed(self._steps)
        else:
            return
        if row is not None:
            self._telling.log(trainer, f"profiling/{self._phase}", row, step)

    def _keep_broken(self, steps: StepParts) -> dict[str, Any] | None:
        kind = steps.find_kind()
        broken = self._breaking.keep(self._sizes.shape, kind, self._sizes.real_tokens)
        if broken is None:
            return None
        return {"step_kind": kind, "components": components_of([broken])}

    def _keep_timed(self, steps: StepParts) -> dict[str, Any] | None:
        clock = steps.clock
        if clock.latency_ms is None:
            return None
        sample = Sample(
            phase=self._phase,
            shape=self._sizes.shape,
            latency_ms=clock.latency_ms,
            forward_ms=clock.part_ms("forward"),
            backward_ms=clock.part_ms("backward"),
            optimizer_ms=clock.part_ms("optimizer"),
            peak_memory_mib=self._memory.read(),
            page_faults=clock.page_faults,
            step_kind=steps.find_kind(),
            real_tokens=self._sizes.real_tokens,
        )
        self.samples.append(sample)
        return rows_of([sample])[0]

    def end(self, trainer: Trainer) -> None:
        """End the run, and report, unless it was over before its first batch."""
        if not self._running:
            return
        self._running = False
        self._breaking.end()
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        # To find the allocator takes tens of milliseconds: not where nobody is told.
        if self._has_batches and (self._tells_a_file or trainer.loggers):
            self._telling.report(trainer, self.rows(), self._phase)
