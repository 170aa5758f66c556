"""A checkpoint is compared with the model before anything is loaded, whatever it is called."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from lightning_modules.errors import ModelError
from profiling.training.task_trainer import TaskTrainer
from tests.samples.fitting import TinyTokens, loader, tokens

DATA = [tokens(2, 5)] * 4


def trainer(folder: Path, steps: int, **saving: Any) -> TaskTrainer:
    saved = ModelCheckpoint(folder, every_n_train_steps=1, save_last=True, **saving)
    return TaskTrainer(
        accelerator="cpu",
        max_steps=steps,
        callbacks=[saved],
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


class OneMore(TinyTokens):
    """Has a weight that others have not."""

    def __init__(self) -> None:
        super().__init__()
        self.more = torch.nn.Linear(6, 2)


def fit(model: TinyTokens, folder: Path, steps: int, ckpt_path: str | None = None) -> TaskTrainer:
    built = trainer(folder, steps)
    built.fit(model, loader(DATA), ckpt_path=ckpt_path)
    return built


@pytest.mark.parametrize("name", ["last", "last.ckpt"])
def test_the_checkpoint_of_another_model_is_refused(name: str, tmp_path: Path) -> None:
    fit(TinyTokens(), tmp_path, 1)
    path = name if name == "last" else str(tmp_path / name)
    words = "`ckpt_path` must be of a OneMore with these settings, .* differs in 2 weights"
    with pytest.raises(ModelError, match=words):
        fit(OneMore(), tmp_path, 2, path)
    assert fit(TinyTokens(), tmp_path, 2, path).global_step == 2


def test_what_a_cluster_saved_before_it_stopped_is_compared_too(tmp_path: Path) -> None:
    fit(TinyTokens(), tmp_path, 1)
    (tmp_path / "last.ckpt").rename(tmp_path / "hpc_ckpt_1.ckpt")
    with pytest.raises(ModelError, match=r"of a OneMore .* \S+hpc_ckpt_1\.ckpt differs"):
        fit(OneMore(), tmp_path, 2, "hpc")


@pytest.mark.parametrize("name", ["last", "last.ckpt"])
def test_weights_alone_are_no_run_to_go_on_from(name: str, tmp_path: Path) -> None:
    built = trainer(tmp_path, 1, save_weights_only=True)
    built.fit(TinyTokens(), loader(DATA))
    path = name if name == "last" else str(tmp_path / name)
    words = "that `fit` can go on from, .* has weights alone .* begin from that folder as `checkpoi"
    with pytest.raises(ModelError, match=words):
        fit(TinyTokens(), tmp_path, 2, path)
    predicted = trainer(tmp_path, 1).predict(
        TinyTokens(), loader(DATA), ckpt_path=str(tmp_path / "last.ckpt")
    )
    assert predicted is not None
    assert len(predicted) == len(DATA)


def test_a_file_of_another_kind_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"weights": torch.ones(2)}, tmp_path / "other.ckpt")
    with pytest.raises(ModelError, match=r"other\.ckpt, a file of another kind"):
        fit(TinyTokens(), tmp_path, 1, str(tmp_path / "other.ckpt"))
