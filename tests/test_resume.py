"""A killed run goes on as if it had not been; two processes train as one does."""

import json
import multiprocessing
import os
import signal
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from datamodules.pretraining import PretrainingSpeech
from lightning_modules.masked_prediction import MaskedPrediction
from lightning_modules.resume import RandomStates
from tests.sample_speech import NO_DROPOUT, NUM_CLUSTERS, TINY, write_labels, write_sounds

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
        str(folder / "sounds"),
        str(folder / "labels"),
        min_seconds=0.3,
        batch_seconds=settings.get("batch_seconds", 1.5),
        hold_out_fraction=0.1,
        num_workers=settings.get("num_workers", 0),
    )
    saved = ModelCheckpoint(
        folder / settings["name"], every_n_train_steps=3, save_last=True, save_top_k=-1
    )
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=4,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            RandomStates(),
            saved,
            Losses(folder / f"{settings['name']}.jsonl", settings.get("kill_after")),
        ],
        gradient_clip_val=1.0,
        **settings.get("trainer", {}),
    )
    trainer.fit(model, data, ckpt_path=settings.get("ckpt_path"), weights_only=True)


def run(server: ForkServerContext, settings: dict[str, Any]) -> int | None:
    child = server.Process(target=train, args=(settings,))
    child.start()
    child.join(300)
    return child.exitcode


def losses(folder: Path, name: str) -> dict[int, str]:
    """Return the last loss written of every step."""
    lines = (folder / f"{name}.jsonl").read_text().splitlines()
    return dict(json.loads(line) for line in lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_labels(tmp_path / "labels", write_sounds(tmp_path / "sounds", 14))
    return tmp_path


@pytest.mark.parametrize("kill_after", [5, 10])
def test_a_killed_run_goes_on_bit_for_bit(
    server: ForkServerContext, folder: Path, kill_after: int
) -> None:
    settings = {
        "folder": str(folder),
        "dropout": DROPOUT,
        "num_workers": 2,
        "trainer": {"accumulate_grad_batches": 2},
    }
    assert run(server, settings | {"name": "whole"}) == 0
    killed = settings | {"name": "killed"}
    assert run(server, killed | {"kill_after": kill_after}) == -signal.SIGKILL
    last = folder / "killed" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == kill_after // 3 * 3
    assert run(server, killed | {"ckpt_path": "last"}) == 0
    whole = losses(folder, "whole")
    assert len(whole) > kill_after + 3
    assert losses(folder, "killed") == whole


def test_two_processes_train_as_one_does(server: ForkServerContext, folder: Path) -> None:
    settings = {"folder": str(folder), "dropout": NO_DROPOUT, "batch_seconds": 2.5}
    assert run(server, settings | {"name": "one"}) == 0
    two = {"devices": 2, "strategy": "ddp_fork"}
    assert run(server, settings | {"name": "two", "trainer": two}) == 0
    one, shared = (
        {step: float.fromhex(loss) for step, loss in losses(folder, name).items()}
        for name in ("one", "two")
    )
    assert len(one) > 8
    assert shared == pytest.approx(one, rel=1e-4)
