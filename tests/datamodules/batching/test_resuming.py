"""An epoch that was interrupted goes on with exactly the batches that were left, masks included."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from datamodules.batching.counted_batches import LengthBuckets
from datamodules.batching.resumable import ResumableLoader
from datamodules.errors import DataError
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


@pytest.mark.parametrize("name", ["text", "images", "synthetic text"])
def test_a_trainer_goes_on_with_the_next_batch(folder, tmp_path, name):
    whole = fit(DATA[name](folder), tmp_path, max_epochs=2, enable_checkpointing=False)
    saved = ModelCheckpoint(tmp_path, filename="stopped", every_n_train_steps=1)
    before = fit(DATA[name](folder), tmp_path, max_steps=2, callbacks=[saved])
    after = fit(
        DATA[name](folder), tmp_path, saved.best_model_path, max_epochs=2, callbacks=[saved]
    )
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


def interrupted(total_length: int, seen: int) -> dict[str, Any]:
    """Return the state of texts in batches of two after some of them."""
    loader = texts_loader(total_length)
    batches = iter(loader)
    for _ in range(seen):
        next(batches)
    state: dict[str, Any] = loader.state_dict()
    return state


def texts_loader(count: int) -> ResumableLoader:
    given: Any = Echo()
    return ResumableLoader(given, LengthBuckets(range(1, count + 1), batch_size=2, seed=0))


class Echo(torch.utils.data.Dataset[Any]):
    """Gives the draw of a batch as the batch."""

    def __getitem__(self, draw: Any) -> Any:
        return draw.positions


def test_an_epoch_is_whole_by_its_own_batches_not_by_those_of_the_new_data():
    with pytest.raises(DataError, match="stopped after 3 batches of another order"):
        texts_loader(6).load_state_dict(interrupted(10, seen=3))
    texts_loader(6).load_state_dict(interrupted(6, seen=2))


def test_behind_a_whole_epoch_another_order_follows_from_the_next_epoch_on():
    loader = texts_loader(10)
    loader.load_state_dict(interrupted(6, seen=3))
    assert list(loader) == []  # the epoch that was whole is not begun again
    loader.batches.set_epoch(1)
    assert len(list(loader)) == 5


def test_a_state_of_an_earlier_program_goes_on_with_its_own_order_alone():
    state = interrupted(6, seen=3)
    del state["total"]
    texts_loader(6).load_state_dict(state)
    with pytest.raises(DataError, match="stopped after 3 batches of another order"):
        texts_loader(5).load_state_dict(state)
