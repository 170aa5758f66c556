"""Learning rates as factors of the highest one, step by step."""

import math
from collections.abc import Callable
from typing import Any

import lightning
import torch

from lightning_modules.errors import ModelError


def linear_warmup_decay(step: int, num_warmup_steps: int, num_steps: int) -> float:
    """Rise linearly to 1, then fall linearly to 0 at `num_steps`, and stay there.

    Source: `polynomial_decay` with power 1 of fairseq, as HuBERT is pre-trained.
    """
    if step < num_warmup_steps:
        return (step + 1) / num_warmup_steps
    left = num_steps - step
    return max(0.0, left / max(1, num_steps - num_warmup_steps))


def tri_stage(
    step: int,
    num_warmup_steps: int,
    num_hold_steps: int,
    num_decay_steps: int,
    init_scale: float = 0.01,
    final_scale: float = 0.05,
) -> float:
    """Rise linearly from `init_scale` to 1, hold, fall exponentially to `final_scale`, and stay.

    Source: `tri_stage` of fairseq, as HuBERT is fine-tuned.
    """
    if step < num_warmup_steps:
        return init_scale + (1 - init_scale) * step / num_warmup_steps
    decayed = step - num_warmup_steps - num_hold_steps
    if decayed <= 0:
        return 1.0
    if decayed >= num_decay_steps:
        return final_scale
    return math.exp(math.log(final_scale) * decayed / num_decay_steps)


def build_adamw(module: lightning.LightningModule) -> torch.optim.AdamW:
    """Build AdamW over the parameters that train.

    Args:
        module: Whose `hparams` have `lr`, the highest rate, `betas`, `eps` and `weight_decay`.
    """
    given = module.hparams
    return torch.optim.AdamW(
        [parameter for parameter in module.parameters() if parameter.requires_grad],
        lr=given["lr"],
        betas=tuple(given["betas"]),
        eps=given["eps"],
        weight_decay=given["weight_decay"],
    )


def stepwise(optimizer: torch.optim.Optimizer, factor: Callable[[int], float]) -> dict[str, Any]:
    """Return what `configure_optimizers` does, its learning rate times a factor of the step.

    Args:
        optimizer: With the highest learning rate.
        factor: Of optimiser steps done, from 0.
    """
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def planned_steps(trainer: lightning.Trainer) -> int:
    """Return the optimiser steps that a Trainer will do.

    Not by `estimated_stepping_batches`: that opens the loader before a checkpoint is read, and the
    place in the data that the checkpoint has is then forgotten.

    Raises:
        ModelError: The Trainer has no end.
    """
    limits = [trainer.max_steps] if trainer.max_steps > 0 else []
    if trainer.max_epochs and trainer.max_epochs > 0:
        limits.append(_steps_of_epochs(trainer, trainer.max_epochs))
    if not limits:
        raise ModelError("`num_steps` must be given where the Trainer has no `max_steps`, got null")
    return min(limits)


def _steps_of_epochs(trainer: lightning.Trainer, num_epochs: int) -> int:
    datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
    if datamodule is None:
        return int(trainer.estimated_stepping_batches)
    num_batches = len(datamodule.train_dataloader())
    limit = trainer.limit_train_batches  # a number of batches, or a share of them
    num_batches = min(limit, num_batches) if isinstance(limit, int) else int(num_batches * limit)
    return math.ceil(num_batches / trainer.accumulate_grad_batches) * num_epochs
