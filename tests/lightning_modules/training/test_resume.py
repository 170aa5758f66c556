"""A killed run goes on as if it had not been; two processes train as one does."""

import io
import json
import multiprocessing
import os
import random
import signal
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from datamodules.utterances.pretraining import PretrainingSpeech
from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.training.given_settings import GivenSettings
from lightning_modules.training.random_states import (
    RandomStates,
    random_state,
    restore_random_state,
)
from tests.samples.fitting import trainer
from tests.samples.recordings.speech import (
    NO_DROPOUT,
    NUM_CLUSTERS,
    TINY,
    write_labels,
    write_sounds,
)

DROPOUT = {
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "feat_proj_dropout": 0.1,
    "layerdrop": 0.3,
}


class Losses(lightning.Callback):
    """Writes the loss of every step as it is taken, exactly; and kills the process after one."""

    def __init__(self, path: Path, kill_after: int | None) -> None:
        self.path = path
        self.kill_after = kill_after

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        loss = trainer.callback_metrics.get("train_loss")
        if trainer.is_global_zero and loss is not None:
            with self.path.open("a") as file:
                file.write(json.dumps([trainer.global_step, loss.item().hex()]) + "\n")
        if trainer.global_step == self.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)


def train(settings: dict[str, Any]) -> None:
    """Train in a child; the settings say where, how, and whether to die."""
    multiprocessing.set_start_method("fork", force=True)  # for the loader's processes
    torch.set_num_threads(1)
    folder = Path(settings["folder"])
    lightning.seed_everything(5)
    model = MaskedPrediction(
        variant="lhubert",
        attention_window=8,
        model_fields=TINY | settings["dropout"],
        num_classes=NUM_CLUSTERS,
        num_warmup_steps=3,
        lr=0.01,
    )
    data = PretrainingSpeech(
        str(Path(settings["recordings"]) / "sounds"),
        str(Path(settings["recordings"]) / "labels"),
        min_seconds=0.3,
        batch_seconds=settings.get("batch_seconds", 1.5),
        hold_out_fraction=0.1,
        num_workers=settings.get("num_workers", 0),
    )
    saved = ModelCheckpoint(
        folder / settings["name"],
        every_n_train_steps=settings.get("save_every", 3),
        save_last=True,
        save_top_k=-1,
    )
    built = trainer(
        folder,
        enable_checkpointing=True,
        max_epochs=4,  # of ten batches, or six of the larger ones
        callbacks=[
            GivenSettings(),
            RandomStates(),
            saved,
            Losses(folder / f"{settings['name']}.jsonl", settings.get("kill_after")),
        ],
        gradient_clip_val=1.0,
        **settings.get("trainer", {}),
    )
    built.fit(model, data, ckpt_path=settings.get("ckpt_path"), weights_only=True)


def run(server: ForkServerContext, settings: dict[str, Any]) -> int | None:
    child = server.Process(target=train, args=(settings,))
    child.start()
    child.join(1200)  # it takes seconds: only one that hangs takes so long, whoever computes here
    if child.is_alive():
        child.kill()
    return child.exitcode


def losses(folder: Path, name: str) -> dict[int, str]:
    """Return the last loss written of every step."""
    lines = (folder / f"{name}.jsonl").read_text().splitlines()
    return dict(json.loads(line) for line in lines)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    write_labels(folder / "labels", write_sounds(folder / "sounds", 14))
    return folder


RESUMED: dict[str, Any] = {
    "dropout": DROPOUT,
    "num_workers": 2,
    "trainer": {"accumulate_grad_batches": 2},
}


@pytest.fixture(scope="module")
def whole(
    server: ForkServerContext, recordings: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, str]:
    """Return the loss of every step of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    given = {"folder": str(folder), "recordings": str(recordings), "name": "whole"}
    assert run(server, RESUMED | given) == 0
    return losses(folder, "whole")


# An epoch has five steps: at the end of one, in the middle of two, and twice after one save.
# All runs compute the same shapes with the same kernels, one thread each: their bits are the same.
@pytest.mark.parametrize(
    ("save_every", "killed_after"),
    [(5, [7]), (3, [10, 14]), (3, [10, 11])],
    ids=["end", "twice", "soon"],
)
def test_a_killed_run_goes_on_bit_for_bit(
    server: ForkServerContext,
    recordings: Path,
    whole: dict[int, str],
    tmp_path: Path,
    save_every: int,
    killed_after: list[int],
) -> None:
    killed = RESUMED | {"folder": str(tmp_path), "recordings": str(recordings), "name": "killed"}
    killed["save_every"] = save_every
    last = tmp_path / "killed" / "last.ckpt"
    for kill_after in killed_after:
        again = {"ckpt_path": "last"} if last.exists() else {}
        assert run(server, killed | again | {"kill_after": kill_after}) == -signal.SIGKILL
        saved = torch.load(last, weights_only=True)["global_step"]
        assert saved == kill_after // save_every * save_every
    assert run(server, killed | {"ckpt_path": "last"}) == 0
    assert len(whole) > killed_after[-1] + 3
    assert losses(tmp_path, "killed") == whole


def test_two_processes_train_as_one_does(
    server: ForkServerContext, recordings: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"folder": str(tmp_path), "recordings": str(recordings)}
    settings |= {"dropout": NO_DROPOUT, "batch_seconds": 2.5}
    # The batches have other shapes, and so another rounding: in float64 the optimiser does not make
    # steps of it. The losses are computed, and logged, in float32.
    alike = {"accumulate_grad_batches": 2, "precision": "64-true"}
    assert run(server, settings | {"name": "one", "trainer": alike}) == 0
    two = {"devices": 2, "strategy": "ddp_fork"} | alike
    assert run(server, settings | {"name": "two", "trainer": two}) == 0
    one, shared = (
        {step: float.fromhex(loss) for step, loss in losses(tmp_path, name).items()}
        for name in ("one", "two")
    )
    assert len(one) >= 8
    assert shared == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize("num_validated", [0, 2])
def test_what_a_validation_draws_does_not_change_the_training(
    num_validated: int, tmp_path: Path
) -> None:
    drawn = []

    class Draws(lightning.LightningModule):
        def training_step(self, batch: torch.Tensor) -> torch.Tensor:
            drawn.append((torch.rand(1).item(), np.random.random(), random.random()))
            return self.weight * batch

        def validation_step(self, batch: torch.Tensor) -> None:
            _ = torch.rand(3), np.random.random(3), random.random()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            self.weight = torch.nn.Parameter(torch.ones(()))
            return torch.optim.SGD([self.weight], 0.1)

    lightning.seed_everything(3, verbose=False)
    expected = [(torch.rand(1).item(), np.random.random(), random.random()) for _ in range(4)]
    lightning.seed_everything(3, verbose=False)
    given: Any = torch.ones(2)
    loader = DataLoader[Any](given, batch_size=None, generator=torch.Generator())
    built = trainer(
        tmp_path,
        max_epochs=2,
        val_check_interval=1,
        limit_val_batches=num_validated,
        callbacks=[RandomStates()],
    )
    built.fit(Draws(), loader, loader)
    assert drawn == expected


def test_all_random_states_come_back() -> None:
    state = random_state()
    drawn = [(random.random(), np.random.random(), torch.rand(1).item()) for _ in range(2)]
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    restore_random_state(torch.load(buffer, weights_only=True))
    assert [(random.random(), np.random.random(), torch.rand(1).item()) for _ in range(2)] == drawn
