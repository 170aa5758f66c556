"""`ProfilingCallback`: what the steps of a Trainer cost, by sequence length."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning import LightningModule, Trainer
from torch.utils.hooks import RemovableHandle

from lightning_modules.allocator import keeps_freed_memory
from profiling.errors import SettingsError
from profiling.instruments.clock import StepClock
from profiling.instruments.memory import PeakMemory, supports_peak
from profiling.instruments.steps import BatchShape, Sample, batch_shape, rows_of
from profiling.rows.files import write_atomically


class ProfilingCallback(lightning.Callback):
    """Measure forward, backward and optimiser step of `Trainer.fit`, and `Trainer.predict`.

    Add it to any Trainer. It samples: only a measured step is synchronised, so a training run
    pays under 1 % for it. Measured steps go to the Trainer's loggers as
    `profiling/<phase>/<metric>` and, by length, as `profiling/<phase>/by_length/<metric>` with
    the length as the step; at the end the rows, one per phase, batch size and length, go to
    `output`.

    A step's latency runs from the start of `training_step` (`predict_step`) to the end of the
    optimiser step, or of the backward pass in a step that only accumulates gradients. Of
    accumulated gradients all steps up to an optimiser step are measured, or none.

    Args:
        every_n_steps: Measure one step in so many; in training, one optimiser step.
        num_warmup_steps: Such steps at the beginning that are not measured.
        output: File for the rows, JSON lines; null writes none.
        shape_of: Gives the `BatchShape` of a batch; null knows the usual ones.
        memory: Peak memory begun before the model was built; null takes the moment of the
            first batch less the parameters' size, and no peak where the system has none.
    """

    def __init__(
        self,
        every_n_steps: int = 50,
        num_warmup_steps: int = 3,
        output: str | None = None,
        shape_of: Callable[[Any], BatchShape] | None = None,
        memory: PeakMemory | None = None,
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
        self._memory = memory
        self._device = "cpu"
        self._clock = StepClock(torch.device(self._device))
        self._num_steps = 0
        self._stepped = False
        self._measuring = False
        self._hooks: list[RemovableHandle] = []
        self._replaced: dict[str, Any] = {}

    # -- the moments of a training step --------------------------------------------------------

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the step's beginning and to the end of every optimiser's step."""
        self._begin(pl_module, "training_step", "training")
        for optimizer in trainer.optimizers:
            self._hooks.append(optimizer.register_step_post_hook(self._after_optimizer))

    def on_train_batch_start(self, *_: Any) -> None:
        """Decide whether this step is measured."""
        self._decide()

    def on_before_backward(self, *_: Any) -> None:
        """Mark the end of the forward pass."""
        self._mark("forward")

    def on_after_backward(self, *_: Any) -> None:
        """Mark the end of the backward pass."""
        self._mark("backward")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep what was measured."""
        self._keep(trainer, "training", batch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report."""
        self._end(trainer, pl_module)

    # -- the moments of a prediction -----------------------------------------------------------

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the step's beginning and end."""
        self._begin(pl_module, "predict_step", "inference")

    def on_predict_batch_start(self, *_: Any) -> None:
        """Decide whether this step is measured."""
        self._decide()

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
        self._keep(trainer, "inference", batch)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report."""
        self._end(trainer, pl_module)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Report what there is, also when somebody pressed Ctrl-C."""
        self._end(trainer, pl_module)

    # -- measuring -----------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per phase and batch shape, in the words of a measurement row.

        Of a CPU they say whether the process keeps the memory that it frees (`allocator`), which
        `page_faults_per_step` depends on; nothing about that is changed.
        """
        allocator = _find_allocator() if self._device == "cpu" else None
        return [row | {"allocator": allocator} for row in rows_of(self.samples)]

    def _begin(self, pl_module: LightningModule, step: str, phase: str) -> None:
        self.samples = [sample for sample in self.samples if sample.phase != phase]
        self._num_steps = 0
        self._device = pl_module.device.type
        self._clock = StepClock(pl_module.device)
        if self._memory is None and supports_peak(pl_module.device.type):
            self._memory = PeakMemory.of_loaded(pl_module)
        original = getattr(pl_module, step)
        predicting = step == "predict_step"

        # Lightning's own bookkeeping lies between its hooks and the step: a tenth of a
        # millisecond, which would be a few per cent of a short one.
        def timed_step(*args: Any, **kwargs: Any) -> Any:
            if not self._measuring:
                return original(*args, **kwargs)
            if not self._clock.started:
                self._clock.start()
            result = original(*args, **kwargs)
            if predicting:
                self._clock.stop()
            return result

        # Compiled modules hold a step of their own in the same place.
        self._replaced = {step: pl_module.__dict__.get(step)}
        object.__setattr__(pl_module, step, timed_step)

    def _unwrap(self, pl_module: LightningModule) -> None:
        for step, original in self._replaced.items():
            if original is None:
                pl_module.__dict__.pop(step, None)
            else:
                object.__setattr__(pl_module, step, original)
        self._replaced = {}
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _decide(self) -> None:
        counted = self._num_steps - self.num_warmup_steps
        self._measuring = counted >= 0 and counted % self.every_n_steps == 0
        self._stepped = False
        if self._measuring:
            self._clock.reset()
            if self._memory is not None:
                self._memory.reset()

    def _mark(self, name: str) -> None:
        if self._measuring:
            self._clock.mark(name)

    def _after_optimizer(self, *_: Any) -> None:
        self._stepped = True
        if self._measuring:
            self._clock.mark("optimizer")
            self._clock.stop()

    def _keep(self, trainer: Trainer, phase: str, batch: Any) -> None:
        if self._stepped or phase == "inference" or trainer.accumulate_grad_batches == 1:
            self._num_steps += 1
        if not self._measuring:
            return
        self._measuring = False
        if self._clock.latency_ms is None:  # a step that only accumulates gradients
            self._clock.stop_at("backward")
        assert self._clock.latency_ms is not None
        sample = Sample(
            phase=phase,
            shape=self._shape_of(batch),
            latency_ms=self._clock.latency_ms,
            forward_ms=self._clock.between_ms("start", "forward"),
            backward_ms=self._clock.between_ms("forward", "backward"),
            optimizer_ms=self._clock.between_ms("backward", "optimizer"),
            peak_memory_mib=None if self._memory is None else self._memory.read(),
            page_faults=self._clock.page_faults,
        )
        self.samples.append(sample)
        _log(trainer, f"profiling/{phase}", rows_of([sample])[0], trainer.global_step)

    def _end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._unwrap(pl_module)
        rows = rows_of(self.samples)
        for row in rows:
            length = row["sequence_length"] or row["input_size"]
            _log(trainer, f"profiling/{row['phase']}/by_length", row, length)
        if rows and self.output and trainer.is_global_zero:
            self.output.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.output, "".join(json.dumps(row) + "\n" for row in self.rows()))


def _find_allocator() -> str:
    return "kept" if keeps_freed_memory() else "system"


def _log(trainer: Trainer, prefix: str, row: dict[str, Any], step: int) -> None:
    numbers = {f"{prefix}/{name}": value for name, value in row.items() if isinstance(value, float)}
    for logger in trainer.loggers:
        logger.log_metrics(numbers, step=step)
