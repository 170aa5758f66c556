"""Which checkpoints a run leaves: its end, its best, and those of a run whose folder was moved."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_modules.training.folder_use import FolderUse
from lightning_modules.training.last_checkpoint import LastCheckpoint
from lightning_modules.training.moved_folder import MovedFolder
from lightning_modules.training.pending_validation import PendingValidation
from tests.samples.fitting import TinyTokens, loader, tokens, trainer

EPOCH = [tokens(2, 4)] * 5
# Behind the batches 2, 4, ...
OFTEN: dict[str, Any] = {"val_check_interval": 2, "check_val_every_n_epoch": None}


class Scored(TinyTokens):
    """Logs the same figure in every validation."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self.score = score

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", self.score, batch_size=1)


class Stops(lightning.Callback):
    """Stops the training behind a batch, the fourth or another one, as a limit of time does."""

    def __init__(self, behind: int = 4) -> None:
        self.behind = behind

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        trainer.should_stop = trainer.fit_loop.total_batch_idx + 1 == self.behind


def fit(
    folder: Path, *more: Any, score: float | None = None, resumed: Path | None = None, **given: Any
) -> None:
    """Train, with validations where they have a score; save every three steps, and the last one."""
    torch.manual_seed(0)
    steps = ModelCheckpoint(
        folder / "checkpoints", every_n_train_steps=3, save_last=True, filename="step-{step}"
    )
    built = trainer(
        folder,
        enable_checkpointing=True,
        num_sanity_val_steps=0,
        callbacks=[PendingValidation(), LastCheckpoint(), MovedFolder(), FolderUse(), *more, steps],
        **given,
    )
    if score is None:
        built.fit(TinyTokens(), loader(EPOCH), ckpt_path=resumed, weights_only=True)
    else:
        model, once = Scored(score), loader(EPOCH[:1])
        built.fit(model, loader(EPOCH), once, ckpt_path=resumed, weights_only=True)


def last_of(folder: Path) -> Path:
    return folder / "checkpoints/last.ckpt"


def load(path: Path) -> Any:
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize(
    ("more", "settings", "step"),
    [
        ([], {"max_steps": 7}, 7),
        ([], {"max_steps": 6}, 6),
        ([], {"max_epochs": 1}, 5),
        ([], {"max_epochs": 2, "limit_train_batches": 4}, 8),
        ([], {"max_epochs": 1, "accumulate_grad_batches": 2}, 3),
        ([Stops()], {"max_steps": 9}, 4),
        ([Stops()], {"max_steps": 9, "accumulate_grad_batches": 4}, 1),
        ([Stops(3)], {"max_steps": 9, "accumulate_grad_batches": 4}, 1),
        ([Stops(6)], {"max_steps": 9, "accumulate_grad_batches": 4}, 3),
        ([Stops()], {"max_steps": 7, "min_steps": 5}, 7),
    ],
)
def test_the_last_checkpoint_is_the_end_of_the_run(
    more: list[Any], settings: dict[str, Any], step: int, tmp_path: Path
) -> None:
    fit(tmp_path, *more, **settings)
    assert load(last_of(tmp_path))["global_step"] == step


def test_a_run_that_is_made_longer_goes_on_from_its_end(tmp_path: Path) -> None:
    fit(tmp_path / "whole", max_steps=13)
    fit(tmp_path, max_steps=8)
    fit(tmp_path, max_steps=13, resumed=last_of(tmp_path))
    whole, longer = load(last_of(tmp_path / "whole")), load(last_of(tmp_path))
    torch.testing.assert_close(longer["state_dict"], whole["state_dict"])
    for name in ("epoch", "global_step", "loops"):
        assert longer[name] == whole[name]


# With two batches a step the steps come behind the batches 2, 4 and 5 of each epoch.
def test_a_run_that_was_stopped_between_two_steps_takes_no_step_of_a_part_of_its_batches(
    tmp_path: Path,
) -> None:
    settings: dict[str, Any] = {"max_steps": 6, "accumulate_grad_batches": 2}
    fit(tmp_path / "whole", **settings)
    fit(tmp_path, Stops(3), **settings)
    assert load(last_of(tmp_path))["global_step"] == 2
    fit(tmp_path, resumed=last_of(tmp_path), **settings)
    whole, resumed = load(last_of(tmp_path / "whole")), load(last_of(tmp_path))
    torch.testing.assert_close(resumed["state_dict"], whole["state_dict"])
    assert resumed["loops"] == whole["loops"]


@pytest.mark.parametrize("settings", [{"max_steps": 7}, {"max_epochs": 1}, {"max_epochs": 2}])
def test_the_command_of_a_run_that_is_over_saves_nothing_anew(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    fit(tmp_path, **settings)
    before = last_of(tmp_path).read_bytes()
    names = {path.name for path in tmp_path.rglob("*.ckpt")}
    fit(tmp_path, resumed=last_of(tmp_path), **settings)
    assert last_of(tmp_path).read_bytes() == before
    assert {path.name for path in tmp_path.rglob("*.ckpt")} == names


# Validations come behind the steps 2 and 4: the last step is one of them, or it is not.
@pytest.mark.parametrize("num_steps", [4, 5])
def test_what_a_validation_saves_is_saved_at_the_end_too(num_steps: int, tmp_path: Path) -> None:
    best = ModelCheckpoint(
        tmp_path / "best", monitor="val_loss", save_last=True, save_top_k=-1, filename="{step}"
    )
    fit(tmp_path, best, score=1.0, max_steps=num_steps, **OFTEN)
    found = {path.name for path in (tmp_path / "best").glob("*.ckpt")}
    assert found == {"step=2.ckpt", "step=4.ckpt", "last.ckpt"}
    assert load(tmp_path / "best/last.ckpt")["global_step"] == num_steps


def go_on(place: Path, folder: str, **given: Any) -> None:
    """Train with a best checkpoint in a folder of its own."""
    best = ModelCheckpoint(
        place / folder, monitor="val_loss", filename="best", enable_version_counter=False
    )
    fit(place, best, **given, **OFTEN)


@pytest.mark.parametrize("folder", ["checkpoints", "best"])
def test_a_run_whose_folder_was_moved_keeps_its_best_and_its_last_checkpoint(
    folder: str, tmp_path: Path
) -> None:
    go_on(tmp_path / "old", folder, score=1.0, max_steps=6)
    new = (tmp_path / "old").rename(tmp_path / "new")
    before = (new / folder / "best.ckpt").read_bytes()
    go_on(new, folder, score=2.0, max_steps=10, resumed=last_of(new))
    assert (new / folder / "best.ckpt").read_bytes() == before
    assert load(last_of(new))["global_step"] == 10
    assert {path.name for path in new.rglob("last*.ckpt")} == {"last.ckpt"}
    go_on(new, folder, score=0.5, max_steps=12, resumed=last_of(new))
    assert (new / folder / "best.ckpt").read_bytes() != before


def test_a_best_checkpoint_that_was_left_behind_does_not_count(tmp_path: Path) -> None:
    go_on(tmp_path / "old", "best", score=1.0, max_steps=6)
    new = (tmp_path / "old").rename(tmp_path / "new")
    (new / "best/best.ckpt").unlink()
    go_on(new, "best", score=2.0, max_steps=10, resumed=last_of(new))
    best = load(new / "best/best.ckpt")
    assert best["global_step"] == 6  # the validation behind the last step is repeated
    assert {path.name for path in new.rglob("last*.ckpt")} == {"last.ckpt"}


def test_a_run_that_goes_on_beside_another_is_told_the_name_of_its_last_checkpoint(
    tmp_path: Path,
) -> None:
    for name in ("one", "two"):
        fit(tmp_path / name, max_steps=3)
    with pytest.warns(UserWarning, match=r"that of this run will be last-v1\.ckpt"):
        fit(tmp_path / "two", max_steps=4, resumed=last_of(tmp_path / "one"))
    assert load(last_of(tmp_path / "two"))["global_step"] == 3
    assert load(tmp_path / "two/checkpoints/last-v1.ckpt")["global_step"] == 4
