"""`train.py` that is asked to end: one sentence, and the status that a shell gives to SIGTERM."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import pytest

import train
from tests.samples.places import CONFIGS
from tests.samples.training import offline
from tests.samples.variants.hubert import lhubert

TEXT = "text"  # which needs no data


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


def let(hook: str, do: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `train.py` do something in every call of a hook."""
    more = type("More", (lightning.Callback,), {hook: lambda *_: do()})
    monkeypatch.setattr(train, "CALLBACKS", (*train.CALLBACKS, more))


def run(verb: str, config: str, *settings: str) -> int:
    quiet = ["--trainer.enable_progress_bar=false"]
    return train.main([verb, "--config", str(CONFIGS / f"train/{config}.yaml"), *settings, *quiet])


@pytest.mark.parametrize(
    ("verb", "config", "hook", "said"),
    [
        (
            *("fit", TEXT, "on_train_batch_start"),
            "interrupted; `--ckpt_path last` goes on from the last checkpoint",
        ),
        ("validate", TEXT, "on_validation_batch_start", "interrupted"),
        ("test", TEXT, "on_test_batch_start", "interrupted"),
        ("predict", "features", "on_predict_batch_start", "interrupted"),
        pytest.param(
            *("labels", "labels_mfcc", "on_predict_batch_start"),
            "interrupted; the same command goes on from here",
            marks=pytest.mark.torchaudio,
        ),
    ],
)
def test_sigterm_ends_every_verb_behind_its_batch(
    verb: str,
    config: str,
    hook: str,
    said: str,
    everything: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []

    def ask() -> None:
        asked.append(hook)
        os.kill(os.getpid(), signal.SIGTERM)

    let(hook, ask, monkeypatch)
    settings = offline(CONFIGS / f"train/{config}.yaml", everything)
    if config == "features":
        lhubert().save_pretrained("model")
        settings += ["--model.init_args.checkpoint=model", "--model.init_args.layer=1"]
    before = signal.getsignal(signal.SIGTERM)
    assert run(verb, config, *settings) == 143
    assert capsys.readouterr().err.splitlines()[-1] == said
    assert len(asked) == 1
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_breaks_because_others_were_asked_to_end_too_is_no_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask() -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.")

    let("on_train_batch_start", ask, monkeypatch)
    assert run("fit", TEXT) == 143
    assert capsys.readouterr().err.splitlines()[-1].startswith("interrupted; ")
