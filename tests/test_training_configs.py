"""Every configuration of `configs/train` trains, and what a run saved is of use."""

from pathlib import Path
from typing import Any

import lightning
import pytest
import torch

import train
from lightning_modules.variants import VARIANTS
from profiling.advising.qualities.measured import read_quality
from tests.samples.training import BRIEFLY, FITTED, offline

# One of each kind of module: what it saved is used.
KINDS = [path for path in FITTED if path.stem in ("digits_ctc", "lhubert_keywords", *VARIANTS)]
RESUMED = [path for path in FITTED if path.stem == "digits_pretrain"]
OTHERS = [path for path in FITTED if path not in (*KINDS, *RESUMED)]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[lightning.Trainer]:
    """Collect the Trainers that have trained."""
    seen: list[lightning.Trainer] = []

    class Cli(train.TrainCLI):
        def after_fit(self) -> None:
            seen.append(self.trainer)

    monkeypatch.setattr(train, "TrainCLI", Cli)
    return seen


def fit(config: Path, everything: Path, steps: int, *more: str) -> int:
    given = ["--config", str(config), *offline(config, everything), *BRIEFLY, *more]
    return train.main(["fit", *given, f"--trainer.max_steps={steps}"])


def check_trained_and_measured(trainer: Any, steps: int) -> None:
    assert trainer.global_step == steps
    assert "ProfilingCallback" in {type(callback).__name__ for callback in trainer.callbacks}


@pytest.mark.parametrize("config", OTHERS, ids=lambda path: path.stem)
def test_a_configuration_trains_and_measures(
    config: Path, everything: Path, seen: list[lightning.Trainer]
) -> None:
    assert fit(config, everything, 2) == 0
    check_trained_and_measured(seen[0], 2)


@pytest.mark.parametrize("config", KINDS, ids=lambda path: path.stem)
def test_what_a_fit_saved_can_be_validated_tested_and_trained_on(
    config: Path, everything: Path, tmp_path: Path, seen: list[lightning.Trainer]
) -> None:
    assert fit(config, everything, 2) == 0
    check_trained_and_measured(seen[0], 2)
    checkpoint = ["--ckpt_path", str(next(tmp_path.rglob("*.ckpt")))]
    given = ["--config", str(config), *offline(config, everything), *BRIEFLY, *checkpoint]
    for subcommand in ("validate", "test"):
        assert train.main([subcommand, *given]) == 0
    assert not [*tmp_path.rglob("quality.json")]  # of a part of the data
    assert train.main(["test", *given, "--trainer.limit_test_batches=1.0"]) == 0
    (written,) = tmp_path.rglob("quality.json")
    assert {each.metric[:5] for each in read_quality(str(written))} == {"test_"}
    assert fit(config, everything, 3, *checkpoint) == 0


@pytest.mark.parametrize("config", RESUMED, ids=lambda path: path.stem)
def test_the_same_command_goes_on_from_the_last_checkpoint_in_the_same_folders(
    config: Path, everything: Path, tmp_path: Path, seen: list[lightning.Trainer]
) -> None:
    for steps in (2, 5):
        assert fit(config, everything, steps, "--ckpt_path=last") == 0
        check_trained_and_measured(seen[-1], steps)
        (last,) = tmp_path.rglob("last.ckpt")
        assert torch.load(last, weights_only=True)["global_step"] == steps
    assert len({path.parent for path in tmp_path.rglob("events.out.*")}) == 1
