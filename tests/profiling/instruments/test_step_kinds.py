"""Parts and kinds of steps: accumulated, skipped, by hand, with several backward passes."""

import time
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch

from profiling.callback import ProfilingCallback
from tests.samples.fitting import TinyTokens, fit, tokens

FORWARD_S, BACKWARD_S = 0.01, 0.03


class _SlowBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        time.sleep(BACKWARD_S)
        return gradient


class Slow(TinyTokens):
    def loss(self, batch: Any) -> torch.Tensor:
        time.sleep(FORWARD_S)
        loss: torch.Tensor = _SlowBackward.apply(super().loss(batch))
        return loss


class ByHand(Slow):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False


class Gan(ByHand):
    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(part.parameters(), 0.1) for part in (self.embedding, self.head)]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizers: Any = self.optimizers()
        for optimizer in optimizers:
            loss = self.loss(batch)
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()


class Interleaved(ByHand):
    """Computes the second loss between the first one's backward pass and optimiser step."""

    def configure_optimizers(self) -> Any:  # of what the second backward pass needs nothing of
        return torch.optim.SGD(self.embedding.parameters(), 0.1)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizer: Any = self.optimizers()
        self.manual_backward(self.loss(batch))
        second = self.loss(batch)
        optimizer.step()
        self.manual_backward(second)
        optimizer.step()


class Closures(ByHand):
    """Steps by LBFGS, whose closure runs inside the optimiser's step."""

    def configure_optimizers(self) -> Any:
        return torch.optim.LBFGS(self.parameters(), max_iter=2, max_eval=2, tolerance_grad=0)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizer: Any = self.optimizers()

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = self.loss(batch)
            self.manual_backward(loss)
            return loss

        optimizer.step(closure)


def _samples(
    module: lightning.LightningModule, num_batches: int, folder: Path, **given: Any
) -> list[Any]:
    callback = ProfilingCallback(given.pop("every_n_steps", 1), 0)
    fit(module, [tokens(2, 5)] * num_batches, folder, callbacks=[callback], **given)
    return callback.samples


@pytest.mark.parametrize(("kind", "passes"), [(Gan, 2), (Interleaved, 2), (Closures, 2)])
def test_backward_passes_by_hand_are_added_up_and_forward_passes_left_out(
    kind: type[ByHand], passes: int, tmp_path: Path
) -> None:
    for sample in _samples(kind(), 2, tmp_path):
        assert sample.step_kind == "stepped"
        assert sample.forward_ms is None
        assert sample.backward_ms >= passes * BACKWARD_S * 1e3
        together = sample.backward_ms + (sample.optimizer_ms or 0.0)
        assert together + passes * FORWARD_S * 1e3 <= sample.latency_ms


def test_passes_of_one_automatic_step_are_added_up(tmp_path: Path) -> None:
    class Automatic(Slow):
        def configure_optimizers(self) -> Any:
            return torch.optim.LBFGS(self.parameters(), max_iter=3, max_eval=3, tolerance_grad=0)

    module = Automatic()
    calls: list[float] = []
    plain = module.loss
    module.loss = lambda batch: calls.append(0) or plain(batch)  # type: ignore
    (sample,) = _samples(module, 1, tmp_path)
    assert len(calls) > 1
    assert sample.forward_ms >= len(calls) * FORWARD_S * 1e3
    assert sample.backward_ms >= len(calls) * BACKWARD_S * 1e3
    parts = sample.forward_ms + sample.backward_ms + sample.optimizer_ms
    assert parts == pytest.approx(sample.latency_ms, rel=0.05)


class Skips(TinyTokens):
    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return None if batch_idx % 2 else self.loss(batch)


def test_steps_without_a_loss_are_named_skipped_and_have_no_throughput(tmp_path: Path) -> None:
    callback = ProfilingCallback(1, 0)
    fit(Skips(), [tokens(2, 5)] * 6, tmp_path, callbacks=[callback])
    skipped, stepped = callback.rows()
    assert (skipped["step_kind"], stepped["step_kind"]) == ("skipped", "stepped")
    assert [len(row["latency_ms_samples"]) for row in (skipped, stepped)] == [3, 3]
    assert skipped["throughput_samples_per_s"] is skipped["throughput_tokens_per_s"] is None
    assert stepped["throughput_samples_per_s"] > 0


def test_an_optimiser_that_steps_after_a_skipped_batch_is_timed(tmp_path: Path) -> None:
    samples = _samples(Skips(), 8, tmp_path, accumulate_grad_batches=2)
    assert [sample.step_kind for sample in samples] == ["accumulated", "skipped"] * 4
    assert [sample.optimizer_ms is not None for sample in samples] == [False, True] * 4


class Accumulates(TinyTokens):
    def __init__(self, passes_by: bool) -> None:
        super().__init__()
        self.automatic_optimization = False
        self._passes_by = passes_by

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizer: Any = self.optimizers()
        loss = self.loss(batch)
        if self._passes_by:
            loss.backward()
        else:
            self.manual_backward(loss)
        if batch_idx % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


@pytest.mark.parametrize(("passes_by", "kind"), [(False, "accumulated"), (True, None)])
def test_whole_groups_that_are_accumulated_by_hand_are_measured(
    passes_by: bool, kind: str | None, tmp_path: Path
) -> None:
    samples = _samples(Accumulates(passes_by), 20, tmp_path, every_n_steps=2)
    assert [sample.step_kind for sample in samples] == [kind, kind, kind, "stepped"] * 3


class KeepsItsOptimizer(Accumulates):
    """Steps by an optimiser that the Trainer is never given."""

    def configure_optimizers(self) -> None:
        self._own = super().configure_optimizers()

    def optimizers(self, use_pl_optimizer: bool = True) -> Any:
        return self._own


@pytest.mark.parametrize("passes_by", [False, True])
def test_every_batch_counts_where_the_trainer_has_no_optimiser(
    passes_by: bool, tmp_path: Path
) -> None:
    callback = ProfilingCallback(every_n_steps=3, num_warmup_steps=2)
    module = KeepsItsOptimizer(passes_by)
    fit(module, [tokens(2, length) for length in range(4, 12)], tmp_path, callbacks=[callback])
    assert [sample.shape.sequence_length for sample in callback.samples] == [6, 9]
    # Nobody knows whether they accumulated gradients or were followed by a step.
    assert {sample.step_kind for sample in callback.samples} == {None}


class OfTheProtocol:
    """What Lightning calls `Optimizable`: no hooks, no base class."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self._inner = inner
        self.param_groups, self.defaults, self.state = (
            inner.param_groups,
            inner.defaults,
            inner.state,
        )

    def step(self, closure: Any = None) -> Any:
        return self._inner.step(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        self._inner.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return self._inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._inner.load_state_dict(state_dict)


def test_an_optimiser_without_hooks_is_measured_like_any_other(tmp_path: Path) -> None:
    class Wrapped(TinyTokens):
        def configure_optimizers(self) -> Any:
            return OfTheProtocol(super().configure_optimizers())

    samples = _samples(Wrapped(), 4, tmp_path, accumulate_grad_batches=2)
    assert [sample.step_kind for sample in samples] == ["accumulated", "stepped"] * 2
    assert [sample.optimizer_ms is not None for sample in samples] == [False, True] * 2
