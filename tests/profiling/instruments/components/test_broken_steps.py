"""`ProfilingCallback(breakdown=True)` in a Lightning run."""

import copy
import itertools
import pickle
import time
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch

from profiling.callback import ProfilingCallback
from profiling.instruments.batch_shapes import BatchShape
from profiling.instruments.components.broken_steps import (
    BrokenStep,
    components_of,
    what_attention_takes,
)
from profiling.instruments.components.component_clock import ComponentClock
from tests.samples.callbacks.breaking import Encoder, breaking, texts
from tests.samples.callbacks.logged import lightnings_log
from tests.samples.fitting import fit, predict
from tests.samples.variants.models import batch_of, build


class ByHand(Encoder):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:  # type: ignore[override]
        optimizer: Any = self.optimizers()
        for _ in range(2):
            optimizer.zero_grad()
            self.manual_backward(self.loss(batch))
            optimizer.step()


@pytest.mark.parametrize("module", [Encoder, ByHand])
def test_rows_have_the_components_of_every_second_measured_step(
    module: type[Encoder], tmp_path: Path
) -> None:
    callback = breaking()
    fit(module(), texts(6), tmp_path, callbacks=[callback])
    assert (len(callback.samples), len(callback.broken_steps)) == (3, 3)
    (row,) = callback.rows()
    components = row["components"]
    assert {"embedding", "attention_core", "feed_forward", "optimiser"} <= set(components)
    assert components["attention_core"]["backward_ms"] > 0
    assert components["optimiser"]["forward_ms"] > 0
    assert sum(part["share"] for part in components.values()) == pytest.approx(1)


def test_shares_add_up_however_steps_differ() -> None:
    parts = ("attention_core", "feed_forward", "head")
    slow = [{(part, "forward"): 10.0 if part == late else 1.0 for part in parts} for late in parts]
    steps = [BrokenStep("inference", BatchShape(2, 17, None), None, times) for times in slow]
    assert steps[0].share_of("attention_core") == 10 / 12
    found = components_of(steps)
    assert {name: part["share"] for name, part in found.items()} == pytest.approx(
        dict.fromkeys(parts, 1 / 3)
    )


def test_a_prediction_has_no_backward_time(tmp_path: Path) -> None:
    callback = breaking()
    predict(Encoder(), texts(4), tmp_path, callbacks=[callback])
    (row,) = callback.rows()
    assert "optimiser" not in row["components"]
    assert {part["backward_ms"] for part in row["components"].values()} == {0.0}


def test_of_accumulated_gradients_whole_groups_are_broken_down(tmp_path: Path) -> None:
    callback = breaking()
    fit(Encoder(), texts(8), tmp_path, callbacks=[callback], accumulate_grad_batches=2)
    kinds = [step.step_kind for step in callback.broken_steps]
    assert kinds == ["accumulated", "stepped"] * 2
    by_kind = {row["step_kind"]: row["components"] for row in callback.rows()}
    assert by_kind["stepped"]["optimiser"]["share"] > 0


def test_training_is_the_same_with_and_without_a_breakdown(tmp_path: Path) -> None:
    plain, broken = build("text", "bert"), build("text", "bert")
    batches = [batch_of("text", 23)] * 4
    fit(plain, batches, tmp_path / "plain")
    fit(broken, batches, tmp_path / "broken", callbacks=[breaking()])
    for name, weights in plain.state_dict().items():
        assert torch.equal(weights, broken.state_dict()[name]), name


class CopiesAndSaves(lightning.Callback):
    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        copied = copy.deepcopy(pl_module)
        assert not any(module._forward_hooks for module in copied.modules())
        pickle.dumps(pl_module)


def test_the_module_can_be_copied_and_saved_in_the_middle_of_a_broken_step(tmp_path: Path) -> None:
    fit(Encoder(), texts(4), tmp_path, callbacks=[breaking(), CopiesAndSaves()])


def test_the_log_says_what_attention_takes_at_these_lengths(
    tmp_path: Path,
) -> None:
    batches = [*texts(2, 20, padding=5), *texts(2, 40, padding=10)]
    with lightnings_log() as said:
        fit(Encoder(), batches, tmp_path, callbacks=[breaking()])
    (sentence,) = [line for line in said if "broke 2 steps down" in line]
    assert "20 to 40 long" in sentence
    assert "25% were padding" in sentence
    assert "no other efficient attention could save more" in sentence


def test_without_a_breakdown_rows_are_as_they_were(tmp_path: Path) -> None:
    callback = ProfilingCallback(1, 0)
    fit(Encoder(), texts(3), tmp_path, callbacks=[callback])
    assert "components" not in callback.rows()[0]
    assert not callback.broken_steps


def step_of(**milliseconds: float) -> BrokenStep:
    times = {(name, "forward"): value for name, value in milliseconds.items()}
    return BrokenStep("inference", BatchShape(2, 10, None), None, times, 15)


def test_components_are_medians_of_the_steps() -> None:
    steps = [step_of(head=1.0, other=1.0), step_of(head=2.0, other=6.0), step_of(head=3.0)]
    found = components_of(steps)
    assert found["head"]["forward_ms"] == 2.0
    assert found["other"]["forward_ms"] == 1.0
    assert found["head"]["share"] == 0.5


def test_the_paragraph_names_the_share_of_attention() -> None:
    said = what_attention_takes([step_of(attention_core=1.0, other=3.0)] * 2)
    assert "25% of their time" in said
    assert "25% were padding" in said
    assert what_attention_takes([]) == ""


def test_in_a_backward_pass_only_a_change_of_component_is_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(asked)))
    clock = ComponentClock(torch.device("cpu"))
    for component in ("head", "head"):
        clock.switched(component)  # forward, each is one: the last one ends the step
    clock.begin_pass("backward")
    for component in ("head", "head", "head", "embedding", "embedding", "head", "head"):
        clock.switched(component)
    clock.begin_pass("forward")
    for component in ("head", "other"):
        clock.switched(component)
    assert next(asked) == 7
    assert clock.milliseconds() == {
        ("head", "forward"): 3e3,
        ("head", "backward"): 2e3,
        ("embedding", "backward"): 1e3,
    }
