"""Small data for every datamodule of the project, made on the spot."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from PIL import Image

from datamodules.modalities.speech import SpeechData
from datamodules.modalities.synthetic import SyntheticSpeech, SyntheticText, SyntheticVision
from datamodules.modalities.text import TextData
from datamodules.modalities.vision import ImageData
from datamodules.utterances.keywords import KeywordSpeech
from datamodules.utterances.pretraining import PretrainingSpeech
from datamodules.utterances.transcribed import TranscribedSpeech
from datamodules.utterances.whole import RecordingData
from tests.samples.training import write_everything

WORDS = [f"word{number}" for number in range(30)]
BY_SECONDS = {"batch_seconds": 1.5, "hold_out_fraction": 0.2}


def write_texts(folder: Path, count: int = 30) -> None:
    """Write a tokenizer and texts of 1 to 11 words."""
    (folder / "tokenizer").mkdir(parents=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    (folder / "tokenizer" / "vocab.txt").write_text("\n".join(special + WORDS))
    texts = [" ".join(WORDS[number : number + 1 + 7 * number % 11]) for number in range(count)]
    lines = [json.dumps({"text": text or WORDS[0]}) + "\n" for text in texts]
    (folder / "texts.jsonl").write_text("".join(lines))


def write_images(folder: Path, count: int = 14) -> None:
    """Write noise of different sizes, of two classes."""
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / "images" / f"class{number % 2}" / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 255, (20 + number, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)


def write_all(folder: Path) -> None:
    """Write data for everything in DATA."""
    write_everything(folder)
    write_texts(folder)
    write_images(folder)
    audio = [str(path) for path in sorted((folder / "sounds").glob("*.wav"))]
    rows = datasets.Dataset.from_dict({"audio": audio})
    rows.cast_column("audio", datasets.Audio()).save_to_disk(folder / "saved")


DATA: dict[str, Callable[..., Any]] = {
    "text": lambda folder, **more: TextData(
        str(folder / "texts.jsonl"),
        str(folder / "tokenizer"),
        **{"batch_size": 4, "num_workers": 0, **more},
    ),
    "images": lambda folder, **more: ImageData(
        str(folder / "images"), **{"input_size": 32, "batch_size": 3, "num_workers": 0, **more}
    ),
    "speech": lambda folder, **more: SpeechData(
        str(folder / "sounds"), **{"batch_size": 2, "num_workers": 0, **more}
    ),
    "datasets": lambda folder, **more: SpeechData(
        str(folder / "saved"),
        **{"layout": "datasets", "batch_size": 2, "num_workers": 0, **more},
    ),
    "pretraining": lambda folder, **more: PretrainingSpeech(
        str(folder / "sounds"),
        str(folder / "labels"),
        **{"min_seconds": 0.3, "num_workers": 0, **BY_SECONDS, **more},
    ),
    "transcribed": lambda folder, **more: TranscribedSpeech(
        str(folder / "sounds"), **{"num_workers": 0, **BY_SECONDS, **more}
    ),
    "keywords": lambda folder, **more: KeywordSpeech(
        str(folder / "keywords"),
        **{"mask_probability": 0.3, "num_workers": 0, **BY_SECONDS, **more},
    ),
    "recordings": lambda folder, **more: RecordingData(
        str(folder / "sounds"), **{"num_workers": 0, **more}
    ),
    "synthetic text": lambda _, **more: SyntheticText(20, batch_size=2, num_batches=5, **more),
    "synthetic speech": lambda _, **more: SyntheticSpeech(20, batch_size=2, num_batches=5, **more),
    "synthetic images": lambda _, **more: SyntheticVision(32, batch_size=2, num_batches=5, **more),
}
TRAINED = [name for name in DATA if name != "recordings"]


def loader_of(name: str, folder: Path, **settings: Any) -> Any:
    """Return the loader to train on, or of what only predicts the loader for that."""
    data = DATA[name](folder, **settings)
    return data.train_dataloader() if name in TRAINED else data.sample_dataloader()


def batches_equal(one: Any, other: Any) -> bool:
    """Compare names, shapes, types and values of two batches."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and one[name].equal(other[name]) for name in one
    )


def all_equal(ones: Iterable[Any], others: Iterable[Any]) -> bool:
    """Compare batches, and how many there are."""
    first, second = list(ones), list(others)
    return len(first) == len(second) and all(map(batches_equal, first, second))
