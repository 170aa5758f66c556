"""Which checkpoints a run leaves: its end, its best, and those of a run whose folder was moved."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_modules.training.whole_checkpoints import UNFINISHED, WholeCheckpoints
from lightning_modules.whole_files import whole_file
from tests.samples.fitting import trainer
from tests.samples.saving import OFTEN, Stops, fit, go_on, last_of, load


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


def test_what_a_killed_run_did_not_save_to_the_end_is_removed(tmp_path: Path) -> None:
    with whole_file(tmp_path / "checkpoints/step-1.ckpt", UNFINISHED) as unfinished:
        unfinished.touch()
    unfinished.touch()
    other = unfinished.with_name("of_mine.partial")
    other.touch()
    fit(tmp_path, max_steps=3)
    assert other.exists()
    assert not unfinished.exists()


def test_a_run_that_goes_on_beside_another_is_told_the_name_of_its_last_checkpoint(
    tmp_path: Path,
) -> None:
    for name in ("one", "two"):
        fit(tmp_path / name, max_steps=3)
    with pytest.warns(UserWarning, match=r"that of this run will be last-v1\.ckpt"):
        fit(tmp_path / "two", max_steps=4, resumed=last_of(tmp_path / "one"))
    assert load(last_of(tmp_path / "two"))["global_step"] == 3
    assert load(tmp_path / "two/checkpoints/last-v1.ckpt")["global_step"] == 4


def test_what_a_job_is_saving_at_its_end_is_no_checkpoint_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = trainer(tmp_path)._checkpoint_connector
    seen: list[str | None] = []
    monkeypatch.setattr("torch.save", lambda *_: seen.append(connector._hpc_resume_path))
    WholeCheckpoints().save_checkpoint({}, tmp_path / "hpc_ckpt_1.ckpt")
    assert seen == [None]
    assert connector._hpc_resume_path == str(tmp_path / "hpc_ckpt_1.ckpt")
