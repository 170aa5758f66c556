"""The `data` blocks of training: `lengths` reads them, and a sweep says which ones it measures."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from datamodules.errors import DataError
from profiling.measuring.lengths import read_lengths
from profiling.measuring.real_batches import prepare_data
from profiling.planning.requests import DataTask
from tests.samples.training import FITTED, TRAINING, offline

INIT_ARGS = "--data.init_args."
SYNTHETIC = {"speech", "text", "vision"}


def block_of(config: Path, folder: Path) -> dict[str, Any]:
    """Return the block of a configuration, of small data."""
    block: dict[str, Any] = yaml.safe_load(config.read_text())["data"]
    for option in offline(config, folder):
        name, _, value = option.partition("=")
        if name.startswith(INIT_ARGS):
            block["init_args"][name.removeprefix(INIT_ARGS)] = yaml.safe_load(value)
    return block


@pytest.mark.filterwarnings("ignore:.*left out of training")
@pytest.mark.parametrize("config", TRAINING, ids=[path.stem for path in TRAINING])
def test_the_data_of_every_training_have_lengths(config: Path, everything: Path) -> None:
    block = block_of(config, everything)

    found, skipped, notes = read_lengths({"block": block, "sample": None, "seed": 0})

    assert found.count > 0
    assert skipped == []
    is_trained_on = config in FITTED and config.stem not in SYNTHETIC
    assert any("training takes" in note for note in notes) == is_trained_on
    if config.stem in SYNTHETIC:
        return
    drawn, *_ = read_lengths({"block": block, "sample": 4, "seed": 0})
    assert drawn.sampled is not None
    assert drawn.sampled.drawn == 4


def test_a_sweep_refuses_data_without_batches_of_any_length(everything: Path) -> None:
    (config,) = [path for path in TRAINING if path.stem == "lhubert_ctc"]
    task = DataTask("speech", block_of(config, everything), None, 2, None, seed=0)
    with pytest.raises(DataError) as caught:
        prepare_data(task)
    assert str(caught.value) == (
        "`data` must have batches of any length for a sweep, got TranscribedSpeech; choose one of: "
        "ImageData, SpeechData, SyntheticSpeech, SyntheticText, SyntheticVision, TextData"
    )


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("lightning.LightningDataModule", "choose one of: ImageData, KeywordSpeech"),
        ("NoData", "choose one of: ImageData, KeywordSpeech"),
        ("torch.nn.Identity", "LightningDataModule"),
    ],
)
def test_a_class_that_is_no_data_of_ours_is_refused(name: str, choice: str) -> None:
    with pytest.raises(DataError) as caught:
        read_lengths({"block": {"class_path": name}, "sample": None, "seed": 0})
    assert "\n" not in str(caught.value)
    assert name.rpartition(".")[2] in str(caught.value)
    assert choice in str(caught.value)
