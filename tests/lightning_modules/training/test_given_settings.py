"""A run that goes on does so with the settings that it is given."""

import warnings
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor, nn
from torch.optim.lr_scheduler import ExponentialLR

from lightning_modules.errors import ModelError
from lightning_modules.training.given_settings import GivenSettings
from lightning_modules.training.schedules import linear_warmup_decay, stepwise
from tests.samples.fitting import loader, trainer


def factor(step: int) -> float:
    return linear_warmup_decay(step, num_warmup_steps=2, num_steps=8)


class Line(lightning.LightningModule):
    """Fits a line, and writes down with which rate it makes each step."""

    def __init__(
        self,
        lr: float = 0.4,
        weight_decay: float = 0.25,
        schedule: str | None = "factor",
        freeze_bias: bool = False,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = nn.Linear(3, 1)
        self.layer.bias.requires_grad = not freeze_bias
        self.rates: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.layer(batch).square().mean()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        self.rates.append(optimizer.param_groups[0]["lr"])

    def configure_optimizers(self) -> Any:
        given = self.hparams
        parameters = [p for p in self.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters, lr=given["lr"], weight_decay=given["weight_decay"]
        )
        if given["schedule"] == "factor":
            return stepwise(optimizer, factor)
        if given["schedule"] == "chained":
            schedule = ExponentialLR(optimizer, 0.5)
            return [optimizer], [{"scheduler": schedule, "interval": "step"}]
        return optimizer


def fit(
    module: Line, folder: Path, steps: int, resumed: str | None = None, *more: Any, **given: Any
) -> dict[str, Any]:
    """Train, and return what a checkpoint then has."""
    built = trainer(folder, max_steps=steps, callbacks=[GivenSettings(), *more], **given)
    built.fit(module, loader([torch.ones(2, 3)] * 10), ckpt_path=resumed)
    built.save_checkpoint(folder / f"{steps}.ckpt")
    saved: dict[str, Any] = torch.load(folder / f"{steps}.ckpt", weights_only=True)
    return saved


def go_on(first: dict[str, Any], then: dict[str, Any], folder: Path) -> tuple[Line, dict[str, Any]]:
    fit(Line(**first), folder, 3)
    module = Line(**then)
    return module, fit(module, folder, 6, str(folder / "3.ckpt"))


def test_a_schedule_goes_on_with_the_rate_that_is_given(tmp_path: Path) -> None:
    words = r"^`lr` was 0\.4 in the checkpoint and is 0\.2 from here on$"
    with pytest.warns(UserWarning, match=words):
        module, saved = go_on({"lr": 0.4}, {"lr": 0.2}, tmp_path)
    assert module.rates == [0.2 * factor(step) for step in (3, 4, 5)]
    (schedule,) = saved["lr_schedulers"]
    assert (schedule["base_lrs"], schedule["_last_lr"]) == ([0.2], [0.2 * factor(6)])


def test_an_optimiser_without_a_schedule_takes_all_that_is_given(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"schedule": None}
    with pytest.warns(UserWarning, match=r"^`\w+` was .* in the checkpoint") as said:
        module, saved = go_on(plain, plain | {"lr": 0.1, "weight_decay": 0.0}, tmp_path)
    told = [str(one.message) for one in said if "in the checkpoint" in str(one.message)]
    assert [sentence.split()[0] for sentence in told] == ["`lr`", "`weight_decay`"]
    assert module.rates == [0.1] * 3
    (group,) = saved["optimizer_states"][0]["param_groups"]
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.0)
    assert saved["optimizer_states"][0]["state"][0]["step"] == 6


@pytest.mark.parametrize("schedule", ["factor", None])
def test_the_same_settings_train_as_if_nothing_had_happened(
    schedule: str | None, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"schedule": schedule}
    torch.manual_seed(3)
    wanted = fit(Line(**given), tmp_path, 6)
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".* in the checkpoint")
        _, found = go_on(given, given, tmp_path)
    for name in ("state_dict", "optimizer_states", "lr_schedulers"):
        assert str(found[name]) == str(wanted[name])


def test_a_rate_that_follows_from_the_one_before_stays_that_of_the_checkpoint(
    tmp_path: Path,
) -> None:
    chained: dict[str, Any] = {"schedule": "chained"}
    changed = {"lr": 0.1, "weight_decay": 0.0}
    with pytest.warns(UserWarning, match="`weight_decay` was 0.25 in the checkpoint"):
        module, saved = go_on(chained, chained | changed, tmp_path)
    assert module.rates == [0.4 * 0.5**step for step in (3, 4, 5)]
    assert saved["optimizer_states"][0]["param_groups"][0]["weight_decay"] == 0.0


def test_a_limit_of_time_is_that_of_the_command(tmp_path: Path) -> None:
    limit = {"max_time": "00:01:00:00"}
    saved, path = fit(Line(), tmp_path, 3, **limit), tmp_path / "3.ckpt"
    saved["callbacks"]["Timer"]["time_elapsed"]["train"] = 3600.0  # then it stopped
    torch.save(saved, path)
    assert fit(Line(), tmp_path, 6, str(path), **limit)["global_step"] == 6


def test_a_figure_is_waited_for_as_long_as_the_command_says(tmp_path: Path) -> None:
    first, then = (EarlyStopping("loss", patience=each, strict=False) for each in (2, 5))
    fit(Line(), tmp_path, 3, None, first)
    fit(Line(), tmp_path, 6, str(tmp_path / "3.ckpt"), then)
    assert then.patience == 5


def test_other_weights_to_train_are_refused_with_the_setting_that_decides(tmp_path: Path) -> None:
    words = (
        "`ckpt_path` must be of a run that trained the same weights, it trained 1 of them and this "
        "one trains 2: `freeze_bias` must be as it was then"
    )
    with pytest.raises(ModelError, match=words):
        go_on({"freeze_bias": True}, {"freeze_bias": False}, tmp_path)
