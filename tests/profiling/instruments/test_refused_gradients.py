"""Steps whose gradients a scaler of half precision refuses, whatever the optimiser does then."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision

from profiling.callback import ProfilingCallback
from tests.samples.fitting import TinyTokens, fit, tokens

TOO_LARGE = 2.0**120


def scaler_from(scale: float) -> Any:
    return torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=10_000)  # type: ignore


class Optimised(TinyTokens):
    """Keeps after each step whether its weights changed."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.changed: list[bool] = []

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1, fused=self.fused)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        self.before = self.head.weight.detach().clone()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.changed.append(not torch.equal(self.before, self.head.weight))


class InTurns(Optimised):
    """Optimises by hand with two optimisers, of which a scaler of its own refuses the first."""

    def __init__(self, fused: bool) -> None:
        super().__init__(fused)
        self.automatic_optimization = False

    def configure_optimizers(self) -> Any:
        parts = (self.embedding, self.head)
        return [torch.optim.SGD(part.parameters(), lr=0.1, fused=self.fused) for part in parts]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizers: Any = self.optimizers()
        for optimizer, scale in zip(optimizers, (TOO_LARGE, 1.0), strict=True):
            scaler = scaler_from(scale)
            optimizer.zero_grad()
            self.manual_backward(scaler.scale(1e9 * self.loss(batch)))
            scaler.step(optimizer.optimizer)
            scaler.update()


@pytest.mark.parametrize("fused", [False, True])
def test_steps_that_a_scaler_of_gradients_refuses_are_named_skipped(
    fused: bool, tmp_path: Path
) -> None:
    plugin = MixedPrecision("16-mixed", "cpu", scaler=scaler_from(TOO_LARGE))
    module, callback = Optimised(fused), ProfilingCallback(1, 0)
    fit(module, [tokens(2, 5)] * 130, tmp_path, callbacks=[callback], plugins=[plugin])
    kinds = [sample.step_kind for sample in callback.samples]
    num_skipped = kinds.count("skipped")
    assert 0 < num_skipped < 130
    assert kinds == ["skipped"] * num_skipped + ["stepped"] * (130 - num_skipped)
    assert module.changed == [kind == "stepped" for kind in kinds]


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_of_which_one_optimiser_is_refused_has_stepped(fused: bool, tmp_path: Path) -> None:
    module, callback = InTurns(fused), ProfilingCallback(1, 0)
    fit(module, [tokens(2, 5)] * 2, tmp_path, callbacks=[callback])
    assert [sample.step_kind for sample in callback.samples] == ["stepped"] * 2
    assert module.changed == [True, True]
