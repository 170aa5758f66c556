"""A training says in a file which recordings it took, and why not the others."""

import json
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import soundfile
import torch
from lightning.pytorch.loggers import CSVLogger

from datamodules.bad_samples import BadSamples
from datamodules.utterances.account import Account
from datamodules.utterances.keywords import KeywordSpeech
from datamodules.utterances.whole import RecordingData
from tests.samples.callbacks.logged import lightnings_log
from tests.samples.fitting import trainer
from tests.samples.recordings.speech import write_sound


class Empty(BadSamples):
    """Leaves out as many recordings as it is told."""

    def __init__(self, count: int) -> None:
        super().__init__("skip")
        for number in range(count):
            self.skip(f"{number}", "damaged", ".wav")


class Energy(lightning.LightningModule):
    """Learns nothing of recordings, but reads all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self.layer(batch["input_values"].square().mean()[None]).sum()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        if batch:
            self.log("val_loss", batch["input_values"].mean(), batch_size=1)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore:skipped", "ignore:.*left out of training")
@pytest.mark.parametrize("num_workers", [0, 2])
def test_what_was_found_taken_and_left_out_stands_beside_the_logs(
    tmp_path: Path, num_workers: int
) -> None:
    source = tmp_path / "words"
    for place, name in enumerate(("yes/1", "yes/2", "yes/3", "no/1", "no/2", "_noise/1")):
        write_sound(source / f"{name}.wav", 6_000, place)
    write_sound(source / "no/long.wav", 40_000)
    write_sound(source / "no/short.wav", 300)
    (source / "yes/other.m4a").write_text("other")
    silent = np.zeros(6_000, np.float32)
    silent[7] = np.nan
    soundfile.write(source / "no/nan.wav", silent, 16_000, subtype="FLOAT")
    for name in ("yes", "no"):
        write_sound(tmp_path / f"val/{name}/1.wav", 6_000)
    data = KeywordSpeech(
        str(source),
        val_source=str(tmp_path / "val"),
        on_bad_sample="skip",
        max_seconds=1.0,
        batch_seconds=1.0,
        num_workers=num_workers,
    )
    logger = CSVLogger(tmp_path, name="logs", version="run")
    with lightnings_log() as said:
        trainer(tmp_path, logger=logger, max_epochs=2).fit(Energy(), datamodule=data)
    (line,) = [line for line in said if line.startswith(f"train, {source}")]
    assert "10 found, 5 taken, left out: " in line
    assert "1 .m4a (other ending)" in line
    told = json.loads((tmp_path / "logs/run/recordings.json").read_text())
    assert told["train"] == {
        "source": str(source),
        "found": 10,
        "taken": 5,
        "left_out": {
            "damaged": {".wav": 1},
            "in a folder that begins with _": {".wav": 1},
            "longer than `max_seconds` 1": {".wav": 1},
            "other ending": {".m4a": 1},
            "shorter than a frame": {".wav": 1},
        },
    }
    assert told["val"] == {
        "source": str(tmp_path / "val"),
        "found": 2,
        "taken": 2,
        "left_out": {},
    }


def tell(folder: Path, stage: str, **left_out: int) -> dict[str, Any]:
    """End a run that left out so many recordings of each split; return what the file then says."""
    data = RecordingData("sounds")
    data.trainer = trainer(folder, logger=CSVLogger(folder, name="", version=""))
    data._accounts = [
        Account(split, f"{split} of {stage}", 9, Empty(count)) for split, count in left_out.items()
    ]
    data.teardown(stage)
    said: dict[str, Any] = json.loads((folder / "recordings.json").read_text())
    return {split: (facts["source"], facts["taken"]) for split, facts in said.items()}


def test_what_a_training_said_of_its_recordings_outlasts_its_evaluations(tmp_path: Path) -> None:
    trained = {"train": ("train of fit", 5), "val": ("val of fit", 9)}
    assert tell(tmp_path, "fit", train=4, val=0) == trained
    # Of the held-out recordings alone, which are of the source of the training.
    assert tell(tmp_path, "validate", train=1) == trained
    assert tell(tmp_path, "test", test=2) == trained | {"test": ("test of test", 7)}
    again = {"val": ("val of validate", 8), "test": ("test of test", 7)}
    assert tell(tmp_path, "validate", val=1) == trained | again
    assert tell(tmp_path, "fit", train=3, val=0) == {
        "train": ("train of fit", 6),
        "val": ("val of fit", 9),
        "test": ("test of test", 7),
    }


@pytest.mark.parametrize("content", ["", "5", "[1]", "{"])
def test_an_account_that_cannot_be_read_is_written_anew(content: str, tmp_path: Path) -> None:
    (tmp_path / "recordings.json").write_text(content)
    assert tell(tmp_path, "test", test=2) == {"test": ("test of test", 7)}
