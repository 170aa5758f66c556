"""`ProfilingCallback`: what the steps of a Trainer cost, by sequence length."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
from lightning import LightningModule, Trainer
from torch import Tensor

from profiling.errors import SettingsError
from profiling.instruments.batch_shapes import (
    UNKNOWN,
    BatchShape,
    batch_shape,
    count_real_tokens,
)
from profiling.instruments.components.breaking import Breaking
from profiling.instruments.components.broken_steps import BrokenStep, with_components
from profiling.instruments.going_on import GoingOn
from profiling.instruments.memory import PeakMemory
from profiling.instruments.step_memory import StepMemory
from profiling.instruments.step_parts import StepParts
from profiling.instruments.steps import Sample, rows_of
from profiling.instruments.telling import Telling, find_allocator


class ProfilingCallback(lightning.Callback):
    """Measure forward, backward and optimiser step of `Trainer.fit`, and `Trainer.predict`.

    Add it to any Trainer. It samples: only a measured step is synchronised, so a training run
    pays under 1 % for it. Measured steps go to the Trainer's loggers as
    `profiling/<phase>/<metric>` and, by length, as `profiling/<phase>/by_length/<metric>` with
    the length as the step; at the end the rows, one per phase, batch size and length, go to
    `output`.

    A step's latency runs from the start of `training_step` (`predict_step`) to the end of the
    optimiser step, or of the backward pass in a step that only accumulates gradients. In a module
    that optimises by hand it ends with `training_step`. Where gradients are accumulated, either
    all steps up to an optimiser step are measured, or none. `step_kind` tells steps that an
    optimiser "stepped" from those that "accumulated" gradients or were "skipped".

    Parts are sums, because a step may have several backward passes. `forward_ms` of a module that
    optimises by hand is null, because nothing shows where its forward pass begins. On an
    accelerator that is not CUDA (MPS, XPU) all parts and memory are null, and the latency of a step
    that only accumulates gradients contains what Lightning does at its end.

    Of several processes that train together each measures its own steps. Rows and metrics are those
    of the first: throughput counts what one process computes, and `processes` says how many there
    are.

    `throughput_tokens_per_s` counts padding, `throughput_real_tokens_per_s` does not: it counts
    what the `attention_mask` calls real.

    With `breakdown` half of the measured steps are broken down into the components of an
    encoder of transformers instead of being timed (`components` in the rows); at the end the log
    says what of the steps attention takes. The module has hooks in those steps and only in them.

    It only watches: otherwise the module is not touched, and what the callback cannot understand
    or write is said once in the log and left out.

    Args:
        every_n_steps: Measure one step in so many; in training, one optimiser step.
        num_warmup_steps: Number of such steps at the beginning that are not measured.
        output: File for the rows, JSON lines; null writes none.
        shape_of: Gives the `BatchShape` of a batch; null knows the usual ones.
        memory: Peak memory begun before the model was built; null takes the beginning of each
            run, less the model and what an earlier training left of gradients and the optimisers'
            state, and no peak where the system has none.
        breakdown: Whether steps are broken down into components.
    """

    def __init__(
        self,
        every_n_steps: int = 50,
        num_warmup_steps: int = 3,
        output: str | None = None,
        shape_of: Callable[[Any], BatchShape] | None = None,
        memory: PeakMemory | None = None,
        breakdown: bool = False,
    ) -> None:
        """Check the settings.

        Raises:
            SettingsError: `every_n_steps` is below 1 or `num_warmup_steps` below 0.
        """
        if every_n_steps < 1:
            raise SettingsError(f"`every_n_steps` must be at least 1, got {every_n_steps}")
        if num_warmup_steps < 0:
            raise SettingsError(f"`num_warmup_steps` must be at least 0, got {num_warmup_steps}")
        self.every_n_steps = every_n_steps
        self.num_warmup_steps = num_warmup_steps
        self.output = Path(output) if output else None
        self.samples: list[Sample] = []
        self._shape_of = shape_of or batch_shape
        self._device = "cpu"
        self._processes = 1
        self._steps: StepParts | None = None
        self._num_steps = 0
        self._measuring = False
        self._size: tuple[BatchShape, int | None] = UNKNOWN, None
        self._going_on = GoingOn()
        self._memory = StepMemory(memory, self._going_on)
        self._telling = Telling(self.output, self._going_on)
        self._breaking = Breaking(breakdown, self._going_on)

    @property
    def broken_steps(self) -> list[BrokenStep]:
        """The steps that were broken down into components."""
        return self._breaking.steps

    # -- the moments of a training step --------------------------------------------------------

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the step's beginning and to the end of every optimiser's step."""
        self._begin(trainer, pl_module, "training_step", "training")

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Decide whether this step is measured."""
        self._decide(batch)

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Mark the end of the forward pass."""
        if self._steps is not None:
            self._steps.mark("backward_begin")
        self._breaking.follow_backward(loss)

    def on_after_backward(self, *_: Any) -> None:
        """Mark the end of the backward pass."""
        if self._steps is not None:
            self._steps.mark("backward_end")

    def on_before_optimizer_step(self, *_: Any) -> None:
        """Take note that an optimiser is asked to step."""
        if self._steps is not None:
            self._steps.note_attempt()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep what was measured."""
        # Lightning logs what it has of this batch at this step.
        step = trainer.fit_loop.epoch_loop._batches_that_stepped
        self._keep(trainer, "training", step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report."""
        self._end(trainer)

    # -- the moments of a prediction -----------------------------------------------------------

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the step's beginning and end."""
        self._begin(trainer, pl_module, "predict_step", "inference")

    def on_predict_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Decide whether this step is measured."""
        self._decide(batch)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep what was measured."""
        self._keep(trainer, "inference", self._num_steps)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report."""
        self._end(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Report what there is, also when somebody pressed Ctrl-C."""
        self._end(trainer)

    # -- measuring -----------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per phase and batch shape, in the words of a measurement row.

        Of a CPU they say whether the process keeps the memory that it frees (`allocator`), which
        `page_faults_per_step` depends on; nothing about that is changed. `processes` is how many
        train or predict together: each row is that of one of them.
        """
        allocator = find_allocator() if self._device == "cpu" else None
        alike = {"allocator": allocator, "processes": self._processes}
        rows = [row | alike for row in rows_of(self.samples)]
        return with_components(rows, self.broken_steps) if self._breaking.wanted else rows

    def _begin(self, trainer: Trainer, pl_module: LightningModule, step: str, phase: str) -> None:
        self.samples = [sample for sample in self.samples if sample.phase != phase]
        self._num_steps = 0
        self._measuring = False
        self._device = pl_module.device.type
        self._processes = trainer.world_size
        self._memory.begin(pl_module, trainer.optimizers if phase == "training" else None)
        with self._going_on.without("all steps of this run"):
            self._steps = StepParts(trainer, pl_module, step, self._breaking.hear)
        self._breaking.begin(pl_module, phase)

    def _decide(self, batch: Any) -> None:
        if self._steps is None:
            return
        counted = self._num_steps - self.num_warmup_steps
        turn, rest = divmod(counted, self.every_n_steps)
        chosen = counted >= 0 and not rest
        self._breaking.decide(turn if chosen else None)
        self._measuring = chosen and not self._breaking.at_work
        if chosen:
            self._size = self._size_of(batch)
        if self._measuring:
            self._memory.reset()
        self._steps.decide(self._measuring)

    def _size_of(self, batch: Any) -> tuple[BatchShape, int | None]:
        """Look at a batch before its step, which may change it."""
        shape, real_tokens = UNKNOWN, None
        with self._going_on.without("the shapes of batches"):
            shape = BatchShape(*self._shape_of(batch))
        with self._going_on.without("the real tokens of batches"):
            real_tokens = count_real_tokens(batch, shape)
        return shape, real_tokens

    def _keep(self, trainer: Trainer, phase: str, step: int) -> None:
        if self._steps is None:
            return
        kind = self._steps.finish()
        self._num_steps += self._steps.ended_group
        shape, real_tokens = self._size
        self._breaking.keep(phase, shape, kind, real_tokens)
        clock = self._steps.clock
        if not self._measuring or clock.latency_ms is None:
            return
        sample = Sample(
            phase=phase,
            shape=shape,
            latency_ms=clock.latency_ms,
            forward_ms=clock.part_ms("forward"),
            backward_ms=clock.part_ms("backward"),
            optimizer_ms=clock.part_ms("optimizer"),
            peak_memory_mib=self._memory.read(),
            page_faults=clock.page_faults,
            step_kind=kind,
            real_tokens=real_tokens,
        )
        self.samples.append(sample)
        self._telling.log(trainer, f"profiling/{phase}", rows_of([sample])[0], step)

    def _end(self, trainer: Trainer) -> None:
        if self._steps is None:
            return
        self._breaking.end()
        self._steps.close()
        self._steps = None
        # To find the allocator takes tens of milliseconds: not where nobody is told.
        if self.output or trainer.loggers:
            self._telling.report(trainer, self.rows())
