"""`ProfilingCallback`: what the steps of a Trainer cost, by sequence length."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
from lightning import LightningModule, Trainer
from torch import Tensor

from profiling.errors import SettingsError
from profiling.instruments.batch_shapes import BatchShape
from profiling.instruments.components.broken_steps import BrokenStep
from profiling.instruments.measured_runs import MeasuredRuns
from profiling.instruments.memory import NoPeak, PeakMemory
from profiling.instruments.steps import Sample


class ProfilingCallback(lightning.Callback):
    """Measure forward, backward and optimiser step of `Trainer.fit`, and `Trainer.predict`.

    Add it to any Trainer. It samples: only a measured step is synchronised, so a training run
    pays under 1 % for it. Measured steps go to the Trainer's loggers as
    `profiling/<phase>/<metric>` and, by length, as `profiling/<phase>/by_length/<metric>` with
    the length as the step, of the row with most steps of that length; at the end the rows, one per
    phase, batch size, length and kind of step, go to `output`.

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
    encoder of transformers instead of being timed: `components` in the rows, and
    `profiling/<phase>/component_share/<component>` in the loggers. A row of which all steps were
    broken down has no times. At the end Lightning's log says what of the steps attention takes.
    The module has hooks in those steps and only in them. A compiled module is not broken down,
    nor is training with gradient checkpointing.

    It only watches: otherwise the module is not touched, and what the callback cannot understand
    or write is said once in the log and left out. So it leaves the peak of memory alone that torch
    keeps for a CUDA process, and `peak_memory_mib` is null there without `memory`. On a CPU a
    measured step resets the most that the system remembers as resident (`VmHWM`).

    Args:
        every_n_steps: Measure one step in so many; in training, one optimiser step. Where a module
            optimises by hand and the Trainer has no optimiser of it, one batch.
        num_warmup_steps: Number of such steps at the beginning that are not measured.
        output: File for the rows, JSON lines; null writes none. A run that had a batch takes the
            place of an earlier one there, also when no step of it was measured, which is said.
        shape_of: Gives the `BatchShape` of a batch; null knows the usual ones.
        memory: Peak memory begun before the model was built: on CUDA `PeakMemory("cuda")` resets
            torch's peak in every measured step, so that each has its own, weights included. Null
            takes the beginning of each run on a CPU, less the model and what an earlier training
            left of gradients and the optimisers' state, and no peak on CUDA, where the system has
            none, or where this process keeps the memory that it frees.
        breakdown: Whether steps are broken down into components.
    """

    def __init__(
        self,
        every_n_steps: int = 50,
        num_warmup_steps: int = 3,
        output: str | None = None,
        shape_of: Callable[[Any], BatchShape] | None = None,
        memory: PeakMemory | NoPeak | None = None,
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
        self._runs = MeasuredRuns(self.output, shape_of, memory, breakdown)

    @property
    def samples(self) -> list[Sample]:
        """The steps that were timed."""
        return self._runs.samples

    @property
    def broken_steps(self) -> list[BrokenStep]:
        """The steps that were broken down into components."""
        return self._runs.broken_steps

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per phase, batch shape and kind, in the words of a measurement row.

        Of a CPU they say whether the process keeps the memory that it frees (`allocator`), which
        `page_faults_per_step` depends on; nothing about that is changed. `processes` is how many
        train or predict together: each row is that of one of them.
        """
        return self._runs.rows()

    # -- the moments of a training step --------------------------------------------------------

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the step's beginning and to the end of every optimiser's step."""
        self._runs.begin(trainer, pl_module, "training")

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Decide whether this step is measured."""
        self._runs.decide(batch, self.every_n_steps, self.num_warmup_steps)

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Mark the end of the forward pass."""
        self._runs.begin_backward(loss)

    def on_after_backward(self, *_: Any) -> None:
        """Mark the end of the backward pass."""
        self._runs.end_backward()

    def on_before_optimizer_step(self, *_: Any) -> None:
        """Take note that an optimiser is asked to step."""
        self._runs.note_attempt()

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
        self._runs.keep(trainer, step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report."""
        self._runs.end(trainer)

    # -- the moments of a prediction -----------------------------------------------------------

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the step's beginning and end."""
        self._runs.begin(trainer, pl_module, "inference")

    def on_predict_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Decide whether this step is measured."""
        self._runs.decide(batch, self.every_n_steps, self.num_warmup_steps)

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
        self._runs.keep(trainer)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report."""
        self._runs.end(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Report what there is, also when somebody pressed Ctrl-C."""
        self._runs.end(trainer)
