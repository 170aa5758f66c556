"""Learning-rate factors against values worked out by hand."""

import lightning
import pytest
import torch

from lightning_modules.training.schedules import (
    linear_warmup_decay,
    planned_steps,
    stepwise,
    tri_stage,
)
from tests.samples.fitting import loader, trainer


def test_linear_warm_up_and_decay_reach_one_and_zero() -> None:
    factors = [linear_warmup_decay(step, 4, 12) for step in range(15)]
    rise, fall = [0.25, 0.5, 0.75, 1.0], [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert factors == pytest.approx(rise + fall + [0.0] * 3)


def test_linear_decay_needs_no_warm_up() -> None:
    assert [linear_warmup_decay(step, 0, 2) for step in range(4)] == [1.0, 0.5, 0.0, 0.0]


def test_three_stages_rise_hold_and_fall_exponentially() -> None:
    factors = [tri_stage(step, 2, 3, 2, init_scale=0.2, final_scale=0.04) for step in range(10)]
    # Half of the way down in the exponent is the square root.
    assert factors == pytest.approx([0.2, 0.6, 1.0, 1.0, 1.0, 1.0, 0.2, 0.04, 0.04, 0.04])


def test_three_stages_have_the_published_ends() -> None:
    assert tri_stage(0, 8_000, 0, 72_000) == pytest.approx(0.01)
    assert tri_stage(8_000, 8_000, 0, 72_000) == 1.0
    # Published training stops after 25,000 steps of the 80,000.
    assert 2e-5 * tri_stage(25_000, 8_000, 0, 72_000) == pytest.approx(9.86e-6, rel=1e-3)
    assert tri_stage(90_000, 8_000, 0, 72_000) == 0.05


@pytest.mark.parametrize("stages", [(0, 0, 0), (0, 2, 0), (3, 0, 0)])
def test_stages_may_be_left_out(stages: tuple[int, int, int]) -> None:
    factors = [tri_stage(step, *stages) for step in range(8)]
    assert all(0.01 <= factor <= 1 for factor in factors)
    assert tri_stage(sum(stages) + 1, *stages) == 0.05


def test_a_schedule_multiplies_the_highest_rate_at_every_step() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3.0)
    built = stepwise(optimizer, lambda step: 1 / (1 + step))
    assert built["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(3):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        built["lr_scheduler"]["scheduler"].step()
    assert rates == pytest.approx([3.0, 1.5, 1.0])


class SevenBatches(lightning.LightningDataModule):
    def train_dataloader(self):
        return loader(torch.arange(7)[:, None])


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"max_epochs": 3}, 21),
        ({"max_epochs": 3, "accumulate_grad_batches": 2}, 12),  # the short window of each included
        ({"max_epochs": 3, "accumulate_grad_batches": 2, "limit_train_batches": 3}, 6),
        ({"max_epochs": 2, "limit_train_batches": 0.5}, 6),
        ({"max_epochs": 2, "limit_train_batches": 9}, 14),
        ({"max_epochs": 2, "max_steps": 5}, 5),
        ({"max_epochs": 2, "max_steps": 50}, 14),
    ],
)
def test_the_steps_that_are_planned_are_those_that_are_done(settings, steps, tmp_path):
    class Counter(lightning.LightningModule):
        def training_step(self, batch):
            return self.weight * batch.sum()

        def configure_optimizers(self):
            self.weight = torch.nn.Parameter(torch.ones(()))
            self.planned = planned_steps(self.trainer)
            return torch.optim.SGD([self.weight], 0.1)

    built = trainer(tmp_path, **settings)
    module = Counter()
    built.fit(module, datamodule=SevenBatches())
    assert module.planned == steps == built.global_step
