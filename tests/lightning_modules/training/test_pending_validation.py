"""A run that is killed before or in a validation validates when it goes on."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_modules.training.pending_validation import PendingValidation
from lightning_modules.training.random_states import RandomStates
from tests.samples.fitting import trainer

BATCHES = 6


class Line(lightning.LightningModule):
    """Fits a line; writes down its validations, and dies in one of them."""

    def __init__(self, dies_at: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layer = nn.Linear(3, 1)
        self.dies_at = dies_at
        self.validated: dict[int, float] = {}

    def training_step(self, batch: list[Tensor], batch_idx: int) -> Tensor:
        loss = self.layer(batch[0]).square().mean()
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch: list[Tensor], batch_idx: int) -> None:
        if self.trainer.global_step == self.dies_at:
            raise KeyError("killed")
        self.log("val_loss", self.layer(batch[0]).square().mean())

    def on_validation_epoch_end(self) -> None:
        self.validated[self.trainer.global_step] = self.trainer.callback_metrics["val_loss"].item()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(
    folder: Path, model: Line, resumed: Path | None = None, more: Any = (), **settings: Any
) -> Any:
    # All batches are the same: this loader begins an epoch anew.
    values = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).repeat(BATCHES, 1)
    # As ours do, it draws nothing from the generator whose states are saved.
    loader = DataLoader(TensorDataset(values), batch_size=2, generator=torch.Generator())
    best = ModelCheckpoint(folder / "best", monitor="val_loss", filename="{step}", save_top_k=-1)
    saved = ModelCheckpoint(
        folder / "saved", every_n_train_steps=1, save_top_k=-1, filename="{step}", monitor=None
    )
    built = trainer(
        folder,
        enable_checkpointing=True,
        callbacks=[RandomStates(), PendingValidation(), saved, best, *more],
        **({"max_epochs": 3} | settings),
    )
    built.fit(model, loader, loader, ckpt_path=resumed, weights_only=False)
    return built


# Validations come after steps 6, 12 and 18, or after 3, 6, 9, ...
@pytest.mark.parametrize(
    ("settings", "dies_at"),
    [
        ({}, 6),
        ({}, 12),
        ({}, 18),
        ({"val_check_interval": 3}, 9),
        ({"val_check_interval": 3}, 12),
        ({"check_val_every_n_epoch": 2}, 12),
        ({"max_steps": 3 * BATCHES}, 12),
        ({"max_steps": 3 * BATCHES}, 18),
        ({"max_steps": 15, "val_check_interval": 3}, 15),
    ],
)
def test_the_validation_in_which_a_run_was_killed_is_made_up_for(
    tmp_path: Path, settings: dict[str, Any], dies_at: int
) -> None:
    whole = Line()
    wanted = fit(tmp_path / "whole", whole, **settings)
    killed, resumed = Line(dies_at), Line()
    with pytest.raises(KeyError):
        fit(tmp_path / "killed", killed, **settings)
    last = tmp_path / "killed" / "saved" / f"step={dies_at}.ckpt"
    torch.manual_seed(2)  # the process that goes on is another one
    ended = fit(tmp_path / "killed", resumed, last, **settings)
    expected = {step: loss for step, loss in whole.validated.items() if step >= dies_at}
    assert resumed.validated == pytest.approx(expected)
    assert ended.global_step == wanted.global_step
    assert ended.max_steps == wanted.max_steps
    # Lightning saves in the validation or at the end of its epoch, and notes where the loops are.
    made_up = torch.load(tmp_path / "killed" / "best" / f"step={dies_at}.ckpt", weights_only=False)
    meant = torch.load(tmp_path / "whole" / "best" / f"step={dies_at}.ckpt", weights_only=False)
    for name in ("epoch", "global_step", "loops"):
        assert made_up[name] == meant[name]
    states = [saved["callbacks"]["RandomStates"] for saved in (made_up, meant)]
    torch.testing.assert_close(*states)
    torch.testing.assert_close(resumed.layer.weight, whole.layer.weight)


def test_a_run_that_was_killed_between_validations_owes_none(tmp_path: Path) -> None:
    killed, resumed = Line(12), Line()
    with pytest.raises(KeyError):
        fit(tmp_path, killed)
    fit(tmp_path, resumed, tmp_path / "saved" / "step=10.ckpt")
    assert sorted(resumed.validated) == [12, 18]


def test_a_validation_that_is_made_up_for_can_stop_a_run(tmp_path: Path) -> None:
    killed, resumed = Line(6), Line()
    with pytest.raises(KeyError):
        fit(tmp_path, killed)
    stop = EarlyStopping("val_loss", stopping_threshold=1.0)  # which every validation passes
    fit(tmp_path, resumed, tmp_path / "saved" / "step=6.ckpt", more=[stop])
    assert sorted(resumed.validated) == [6]


def test_a_figure_of_the_training_that_died_ends_no_resumed_run(tmp_path: Path) -> None:
    killed, resumed = Line(6), Line()
    with pytest.raises(KeyError):
        fit(tmp_path, killed)
    stop = EarlyStopping("train_loss")
    ended = fit(tmp_path, resumed, tmp_path / "saved" / "step=6.ckpt", more=[stop])
    assert ended.global_step == 3 * BATCHES
