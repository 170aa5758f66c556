"""The loss of an evaluation is the mean over all that is predicted, however it is divided."""

import json
import multiprocessing
import os
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from datamodules.modalities.text import TextData
from lightning_modules.variants import build_module
from tests.samples.fitting import trainer
from tests.samples.texts import make_texts, write_jsonl, write_tokenizer
from tests.samples.variants.models import predict

# About one text in twenty is held out: five of these, of unequal lengths.
WORD_COUNTS = [2 + 7 * number % 61 for number in range(110)]


def build() -> Any:
    """Build a model that is sure of what it has not learnt, so that the losses of texts differ."""
    torch.manual_seed(0)
    module: Any = build_module("text", "bert", size="tiny", max_length=80, num_classes=45)
    with torch.no_grad():
        module.model.get_input_embeddings().weight.mul_(10)
    return module


def data_of(folder: Path, batch_size: int) -> TextData:
    return TextData(str(folder / "a.jsonl"), str(folder / "tokenizer"), batch_size=batch_size)


def loss_of(folder: Path, batch_size: int, verb: str, **settings: Any) -> float:
    evaluate = getattr(trainer(folder, **settings), verb)
    (found,) = evaluate(build(), data_of(folder, batch_size), verbose=False)
    return float(found["val_loss" if verb == "validate" else "test_loss"])


def write_loss(folder: Path, batch_size: int, verb: str) -> None:
    """Evaluate in two processes, and write the loss into a file."""
    multiprocessing.set_start_method("fork", force=True)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    torch.set_num_threads(1)
    loss = loss_of(folder, batch_size, verb, devices=2, strategy="ddp_fork")
    (folder / "loss.json").write_text(json.dumps(loss))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_jsonl(tmp_path / "a.jsonl", make_texts(WORD_COUNTS))
    write_tokenizer(tmp_path / "tokenizer")
    return tmp_path


def mean_loss(folder: Path) -> float:
    """Compute the mean over all predicted tokens, one text at a time."""
    module, losses = build(), []
    for batch in data_of(folder, 1).val_dataloader():
        chosen = batch["labels"] >= 0
        logits = predict(module, batch)[chosen]
        losses.append(functional.cross_entropy(logits, batch["labels"][chosen], reduction="none"))
    assert len(losses) == 5
    assert len({len(each) for each in losses}) > 1
    return torch.cat(losses).mean().item()


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_loss_does_not_depend_on_how_texts_are_put_into_batches(
    folder: Path, batch_size: int
) -> None:
    for verb in ("validate", "test"):
        assert loss_of(folder, batch_size, verb) == pytest.approx(mean_loss(folder), rel=1e-5)


# Of batches of four texts, the second one has a single text for two processes.
@pytest.mark.parametrize("verb", ["validate", "test"])
def test_the_loss_of_two_processes_is_that_of_one(
    server: ForkServerContext, folder: Path, verb: str
) -> None:
    child = server.Process(target=write_loss, args=(folder, 2, verb))
    child.start()
    child.join(1200)  # it takes seconds: only one that hangs takes so long, whoever computes here
    if child.is_alive():
        child.kill()
    assert child.exitcode == 0
    assert json.loads((folder / "loss.json").read_text()) == pytest.approx(
        mean_loss(folder), rel=1e-5
    )
