"""Small data for every configuration of `configs/train`, so that all of them run offline."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from tests.samples.places import CONFIGS
from tests.samples.recordings.speech import TINY, write_labels, write_sound, write_sounds

TRAINING = sorted((CONFIGS / "train").glob("*.yaml"))
# What labels and predicts; the others are for `fit`.
NOT_FITTED = {"features", "labels_hubert", "labels_mfcc", "transcribe"}
FITTED = [path for path in TRAINING if path.stem not in NOT_FITTED]
BRIEFLY = [
    "--trainer.enable_progress_bar=false",
    "--trainer.limit_val_batches=1",
    "--trainer.limit_test_batches=1",
    "--trainer.limit_predict_batches=1",
]
TEXTS = ("ONE TWO", "TWO", "THREE ONE", "IT'S TEN")


def write_everything(folder: Path) -> None:
    """Write recordings with labels and transcripts, and others by class."""
    samples = write_sounds(folder / "sounds", 8)
    write_labels(folder / "labels", samples)
    lines = [f"{name}\t{TEXTS[place % 4]}\n" for place, name in enumerate(samples)]
    (folder / "sounds" / "transcripts.tsv").write_text("".join(lines))
    for place, name in enumerate(("no", "yes")):
        for number in range(4):
            write_sound(folder / "keywords" / name / f"{number}.wav", 9_000, place * 4 + number)
    for name in ("keywords", "sounds"):
        shutil.copytree(folder / name, folder / "others" / name)


def offline(config: Path, folder: Path) -> list[str]:
    """Return arguments that give a configuration small data, a small model, and a CPU.

    Those that train on synthetic data out of the box get none.
    """
    wanted = yaml.safe_load(config.read_text())
    data = wanted["data"]["class_path"].rpartition(".")[2]
    if data.startswith("Synthetic"):
        return []
    source = folder / ("keywords" if data == "KeywordSpeech" else "sounds")
    settings = {
        "data.init_args.source": str(source),
        "data.init_args.num_workers": 0,
        "trainer.accelerator": "cpu",
        "trainer.precision": "32",
        "trainer.logger": "false",
    }
    given = wanted["data"]["init_args"]
    if data != "RecordingData":
        settings |= {
            "data.init_args.batch_seconds": 2,
            "trainer.accumulate_grad_batches": 1,
            "trainer.val_check_interval": 2,
            "trainer.devices": 1,
            "trainer.logger": "true",
            "trainer.logger.init_args.name": config.stem,
        }
        settings |= {
            f"data.init_args.{name}": str(folder / "others" / source.name)
            for name in ("val_source", "test_source")
            if name in given
        }
    if data == "TranscribedSpeech":
        settings["data.init_args.layout"] = "folder"  # some are of a LibriSpeech tree
    if data == "PretrainingSpeech":
        settings |= {
            f"data.init_args.{name}": str(folder / "labels")
            for name in ("labels", "val_labels")
            if name in given
        }
        settings["data.init_args.min_seconds"] = 0.3
    if data != "RecordingData" and not config.stem.startswith("digits"):
        settings |= _small_model(wanted["model"]["init_args"])
    if settings["trainer.logger"] == "true":
        del settings["trainer.logger"]
    return [f"--{name}={value}" for name, value in settings.items()]


def _small_model(given: dict[str, Any]) -> dict[str, Any]:
    """Return settings of a tiny model that begins from nothing."""
    settings: dict[str, Any] = {"checkpoint": "null", "size": "tiny"}
    settings |= {f"model_fields.{name}": value for name, value in TINY.items()}
    if "head_size" in given:  # of a recogniser that is nearly all head
        settings["head_size"] = 6
    return {f"model.init_args.{name}": value for name, value in settings.items()}
