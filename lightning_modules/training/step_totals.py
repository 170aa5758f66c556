"""Losses that are summed, and gradients that are divided once, by what all processes counted.

A step is divided by masked frames or by utterances. Their number differs between the accumulated
batches and between the processes, and is known only when all of them are done. A mean of the
batches' means would be another number.
"""

from typing import Any

import lightning
import torch
from torch import Tensor, distributed

from lightning_modules.errors import ModelError
from lightning_modules.widest_float import widened


class StepTotals:
    """Sums over the batches accumulated for one optimiser step, then over all processes.

    Args:
        names: What is summed, each a number or a vector.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._sums: dict[str, Tensor] | None = None

    def add(self, **sums: Tensor) -> None:
        """Add those of one batch; nothing waits for the device."""
        if set(sums) != set(self.names):
            raise ValueError(f"expected sums of {sorted(self.names)}, got {sorted(sums)}")
        values = {name: widened(value.detach()) for name, value in sums.items()}
        before = self._sums
        self._sums = values if before is None else {n: before[n] + values[n] for n in values}

    def reduce(self, module: lightning.LightningModule) -> dict[str, Tensor]:
        """Return the sums of all processes, by one exchange, and begin anew.

        All processes must call it, each with at least one batch added.
        """
        assert self._sums is not None, "nothing was added"
        sums, self._sums = self._sums, None
        if module.trainer.world_size == 1:
            return sums
        joined = torch.cat([sums[name].flatten() for name in self.names])
        distributed.all_reduce(joined)
        parts = joined.split([sums[name].numel() for name in self.names])
        return {
            name: part.reshape(sums[name].shape)
            for name, part in zip(self.names, parts, strict=True)
        }


def check_finite(module: Any, loss: Tensor, norm: Tensor) -> None:
    """Stop before an optimiser writes NaN into every weight.

    Half precision with a scaler is left alone: it skips such steps and lowers its scale.

    Args:
        module: Being trained.
        loss: Of the step.
        norm: Of its gradients.

    Raises:
        ModelError: One of them is not finite.
    """
    if getattr(module.trainer.precision_plugin, "scaler", None) is not None:
        return
    for name, value in (("loss", loss), ("norm of the gradients", norm)):
        if not bool(value.isfinite()):
            raise ModelError(
                f"the {name} must be finite, got {value.item()} at step {module.global_step}; "
                "lower `lr` or choose a `precision` of 32 or bf16"
            )


def gradient_norm(module: lightning.LightningModule) -> Tensor:
    """Return the norm of all gradients, (); all processes must call it, and get the same."""
    if module.trainer.world_size > 1:
        # Imported here: not every build of torch has it.
        from torch.distributed.fsdp import FullyShardedDataParallel

        shared = module.trainer.model
        if isinstance(shared, FullyShardedDataParallel):
            # Each process has a part of the gradients. Nothing is longer than infinity, so that
            # none is clipped.
            norm: Tensor = shared.clip_grad_norm_(torch.inf)
            return norm
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    return torch.nn.utils.get_total_norm(gradients)


def rescale_gradients(module: Any, total_count: Tensor) -> None:
    """Divide the gradients of summed losses by a count over all batches and processes.

    Call it in `on_before_optimizer_step`, which comes before gradients are clipped. By then
    Lightning has divided every loss by `accumulate_grad_batches`, also in a step cut short at the
    end of an epoch, and DDP and FSDP have averaged over the processes; both are taken back.

    Args:
        module: Being trained.
        total_count: (), what the summed losses are divided by.
    """
    trainer = module.trainer
    factor = trainer.accumulate_grad_batches * trainer.world_size / total_count.clamp(min=1)
    gradients = [p.grad for p in module.parameters() if p.grad is not None]
    if gradients:
        torch._foreach_mul_(gradients, factor.to(gradients[0].dtype))
