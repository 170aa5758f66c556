"""What an optimiser was given at each of its steps, and what of it is more than rounding."""

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor

# Of the norm of all gradients, in float64. Below it is only the rounding of gradients that are zero
# in exact arithmetic, such as that of a bias of the keys: it moves all scores of a query alike,
# which a softmax does not see. Rounding was measured as 1e-21, the smallest true gradient as 1e-7.
ROUNDING = 1e-12
# Of a parameter's own norm. The models are in float64, their losses in float32, whose rounding of
# 1e-7 reaches 5e-5 in gradients that are small differences of large ones. A divisor that is wrong
# by one frame in a hundred is a hundred times as much.
TOLERANCE = 1e-4


class TrainingRecord(lightning.Callback):
    """Keeps the gradients of every step as the optimiser got them, and how far the weights moved.

    Use it with `precision="64-true"`. An adaptive optimiser makes a step of the size of its
    learning rate out of any rounding, in whichever direction this processor rounds: weights after
    it can be compared only where rounding is far below `eps` of the optimiser.
    """

    def __init__(self) -> None:
        self.gradients: list[dict[str, Tensor]] = []
        self.moves: dict[str, Tensor] = {}

    def on_train_start(self, trainer: Any, pl_module: lightning.LightningModule) -> None:
        self._before = {name: each.detach().clone() for name, each in pl_module.named_parameters()}

        def keep(*_: Any) -> None:
            learning = pl_module.named_parameters()
            self.gradients.append({n: p.grad.clone() for n, p in learning if p.grad is not None})

        for optimizer in trainer.optimizers:
            optimizer.register_step_post_hook(keep)

    def on_train_end(self, trainer: Any, pl_module: lightning.LightningModule) -> None:
        after = dict(pl_module.named_parameters())
        learning = self.gradients[0].keys()
        self.moves = {name: after[name].detach() - self._before[name] for name in learning}


def rounding_only(gradients: Mapping[str, Tensor]) -> set[str]:
    """Name the parameters whose gradient is zero but for rounding."""
    assert {gradient.dtype for gradient in gradients.values()} == {torch.float64}
    norms = {name: gradient.norm() for name, gradient in gradients.items()}
    whole = torch.stack([*norms.values()]).norm()
    assert whole > 0, "no parameter has a gradient"
    return {name for name, norm in norms.items() if norm < ROUNDING * whole}


def assert_same_training(found: TrainingRecord, wanted: TrainingRecord) -> None:
    """Compare every step's gradients and the moves, but for parameters that only rounding moves."""
    assert len(found.gradients) == len(wanted.gradients) > 0
    zero = rounding_only(wanted.gradients[0])
    for ours, theirs in zip(found.gradients, wanted.gradients, strict=True):
        assert rounding_only(ours) == rounding_only(theirs) == zero
        _assert_near(ours, theirs, zero)
    _assert_near(found.moves, wanted.moves, zero)


def _assert_near(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], left_out: set[str]
) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted.keys() - left_out:
        difference = (found[name] - wanted[name]).norm() / wanted[name].norm()
        assert difference < TOLERANCE, f"{name} differs by {difference:.1e}"
