"""An epoch that was interrupted goes on with exactly the batches that were left, masks included."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from datamodules.errors import DataError
from datamodules.modalities.synthetic import SyntheticText
from tests.samples.data import DATA, TRAINED, all_equal, batches_equal, loader_of, write_all

REAL = [name for name in TRAINED if not name.startswith("synthetic")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        write_all(root)
        yield root


@pytest.mark.parametrize("epoch", [0, 2])
@pytest.mark.parametrize("name", TRAINED)
def test_an_interrupted_epoch_goes_on_with_the_batches_that_are_left(folder, name, epoch):
    def load():
        loader = loader_of(name, folder)
        loader.sampler.set_epoch(epoch)
        return loader

    whole = list(load())
    assert len(whole) >= 3
    for seen in range(1, len(whole) + 1):
        interrupted = load()
        batches = iter(interrupted)
        assert all_equal([next(batches) for _ in range(seen)], whole[:seen])
        resumed = load()
        resumed.load_state_dict(interrupted.state_dict())
        assert all_equal(resumed, whole[seen:])
        assert resumed.state_dict()["batches"] == len(whole)
        assert all_equal(resumed, whole)  # the next time the epoch is whole


@pytest.mark.parametrize("name", ["text", "pretraining"])
@pytest.mark.parametrize("num_workers", [(2, 0), (0, 2)])
def test_another_number_of_loader_processes_goes_on_in_the_same_way(folder, name, num_workers):
    before, after = (loader_of(name, folder, num_workers=count) for count in num_workers)
    whole = list(loader_of(name, folder))
    batches = iter(before)
    assert all_equal([next(batches), next(batches)], whole[:2])
    after.load_state_dict(before.state_dict())
    assert all_equal(after, whole[2:])


@pytest.mark.parametrize("name", REAL)
def test_the_epoch_after_the_interrupted_one_is_another_and_whole(folder, name):
    interrupted, resumed, alone = (loader_of(name, folder) for _ in range(3))
    next(iter(interrupted))
    resumed.load_state_dict(interrupted.state_dict())
    first = list(resumed)
    for loader in (resumed, alone):
        loader.sampler.set_epoch(1)
    second = list(resumed)
    assert all_equal(second, alone)
    assert not batches_equal(first[-1], second[-1])


@pytest.mark.parametrize("name", TRAINED)
def test_behind_a_whole_epoch_the_next_one_is_whole(folder, name):
    finished, resumed, alone = (loader_of(name, folder) for _ in range(3))
    assert list(finished)
    resumed.load_state_dict(finished.state_dict())
    for loader in (resumed, alone):
        loader.sampler.set_epoch(1)
    assert all_equal(resumed, alone)


@pytest.mark.parametrize("change", [{"batch_size": 5}, {"seed": 1}])
@pytest.mark.parametrize("name", ["text", "images", "speech"])
def test_a_resume_with_another_order_is_refused(folder, name, change):
    loader = loader_of(name, folder)
    next(iter(loader))
    with pytest.raises(DataError, match="`ckpt_path` must be of a run with the same samples, `bat"):
        loader_of(name, folder, **change).load_state_dict(loader.state_dict())


class Fitted(lightning.LightningModule):
    """Keeps the batches that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.seen: list[Any] = []

    def training_step(self, batch: Any) -> torch.Tensor:
        self.seen.append({name: values.clone() for name, values in batch.items()})
        return self.weight.square()

    def validation_step(self, batch: Any) -> None:
        assert batch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(data: Any, folder: Path, ckpt_path: str | None = None, **settings: Any) -> list[Any]:
    """Return the batches that a Trainer gave a model."""
    model = Fitted()
    trainer = lightning.Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )
    trainer.fit(model, data, ckpt_path=ckpt_path, weights_only=True)
    return model.seen


@pytest.mark.parametrize(
    ("name", "num_steps"),
    [
        *(("text", 2), ("images", 2), ("synthetic text", 2)),
        pytest.param("synthetic text", 5, id="behind the first epoch"),
        pytest.param("synthetic text", 6, id="in the second epoch"),
    ],
)
def test_a_trainer_goes_on_with_the_next_batch(folder, tmp_path, name, num_steps):
    whole = fit(DATA[name](folder), tmp_path, max_epochs=2, enable_checkpointing=False)
    saved = ModelCheckpoint(tmp_path, filename="stopped", every_n_train_steps=1)
    before = fit(DATA[name](folder), tmp_path, max_steps=num_steps, callbacks=[saved])
    after = fit(
        DATA[name](folder), tmp_path, saved.best_model_path, max_epochs=2, callbacks=[saved]
    )
    assert all_equal(before + after, whole)


def test_a_trainer_goes_on_behind_a_validation_that_ended_the_epoch(tmp_path):
    def data() -> SyntheticText:
        return SyntheticText(20, batch_size=2, num_batches=4)

    settings: dict[str, Any] = {"max_epochs": 2, "val_check_interval": 0.5}
    whole = fit(data(), tmp_path, enable_checkpointing=False, **settings)
    saved = ModelCheckpoint(tmp_path, filename="validated")
    before = fit(data(), tmp_path, callbacks=[saved], **settings | {"max_epochs": 1})
    assert len(before) == 4
    after = fit(data(), tmp_path, saved.best_model_path, callbacks=[saved], **settings)
    assert all_equal(before + after, whole)


@pytest.mark.parametrize("name", ["text", "synthetic text"])
def test_a_trainer_that_overfits_sees_the_same_batch_in_every_epoch(folder, tmp_path, name):
    settings: dict[str, Any] = {
        "overfit_batches": 2,
        "max_epochs": 3,
        "enable_checkpointing": False,
    }
    seen = fit(DATA[name](folder), tmp_path, **settings)
    assert len(seen) == 6
    assert all_equal(seen, seen[:2] * 3)
    assert not batches_equal(seen[0], seen[1])
