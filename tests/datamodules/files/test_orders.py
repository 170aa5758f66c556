"""Data never depend on the order in which a file system lists a folder."""

import json
import os
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from datamodules.errors import DataError
from datamodules.files.finding import find_files
from datamodules.labels.format import LabelFacts
from datamodules.labels.reading import LabelFolder
from datamodules.labels.writing import LabelWriter, join
from datamodules.modalities.speech import SpeechData
from datamodules.modalities.vision import ImageData
from datamodules.utterances.keywords import KeywordSpeech
from datamodules.utterances.transcribed import TranscribedSpeech
from datamodules.utterances.whole import RecordingData
from tests.samples.recordings.speech import write_sound

BY_SECONDS: dict[str, Any] = {"batch_seconds": 2.0, "hold_out_fraction": 0.2, "num_workers": 0}
DATA = {
    "keywords": lambda root: KeywordSpeech(str(root / "sounds"), layout="folder", **BY_SECONDS),
    "images": lambda root: ImageData(str(root / "images"), 32, on_bad_sample="skip"),
    "librispeech": lambda root: TranscribedSpeech(
        str(root / "libri"), layout="librispeech", **BY_SECONDS
    ),
    "speech": lambda root: SpeechData(str(root / "sounds"), on_bad_sample="skip"),
    "whole": lambda root: RecordingData(str(root / "sounds"), num_workers=0),
}


class Listing:
    """What `os.scandir` returns, in an order that chance chooses."""

    def __init__(self, entries: list[Any]) -> None:
        self.entries = iter(entries)

    def __enter__(self) -> "Listing":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __iter__(self) -> Any:
        return self.entries

    def __next__(self) -> Any:
        return next(self.entries)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write recordings, images and transcripts, with links between their folders."""
    folder = tmp_path_factory.mktemp("orders")
    for place, name in enumerate(("b/2", "a/9", "b/10", "a/1", "a/B", "c/x", "c/y")):
        write_sound(folder / f"sounds/{name}.wav", 6_000 + 400 * place, place)
    (folder / "sounds/link").symlink_to(folder / "sounds/b")
    for name in ("a/z.m4a", "b/z.txt", "a/z.webm", "n.M4A"):
        (folder / "sounds" / name).write_text("other")
    for chapter in (1, 2):
        for number in range(4):
            write_sound(folder / f"libri/{chapter}/3/{chapter}-3-{number:04}.flac", 9_000, number)
        lines = "".join(f"{chapter}-3-{number:04} TEN {number * 'A'}\n" for number in range(4))
        (folder / f"libri/{chapter}/3/{chapter}-3.trans.txt").write_text(lines)
    for number in range(8):
        path = folder / f"images/{number % 3}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (30 + number, 40, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    (folder / "images/bad.png").write_text("no image")
    return folder


def listed_by_chance(patch: pytest.MonkeyPatch, seed: int) -> None:
    chance, scandir, listdir = random.Random(seed), os.scandir, os.listdir

    def shuffled(found: list[Any], name: Any) -> list[Any]:
        found.sort(key=name)  # so that the seed alone decides
        chance.shuffle(found)
        return found

    patch.setattr(
        os, "scandir", lambda place=".": Listing(shuffled(list(scandir(place)), lambda e: e.name))
    )
    patch.setattr(os, "listdir", lambda place=".": shuffled(listdir(place), str))


def described(data: Any) -> Any:
    """Return lengths, account, fingerprint and every value of every batch."""
    found: list[Any] = []
    if hasattr(data, "lengths"):
        found.append(json.dumps(data.lengths().to_dict()))
    if hasattr(data, "fingerprint"):
        found.append(data.fingerprint())
    loaders = [data.predict_dataloader()]
    if not isinstance(data, RecordingData):
        loaders += [data.train_dataloader(), data.val_dataloader()]
    for loader in loaders:
        found += [
            {name: values.tolist() for name, values in batch.items()} for batch in loader if batch
        ]
    return found


@pytest.mark.filterwarnings("ignore:skipped")
@pytest.mark.parametrize("name", DATA)
def test_any_order_of_a_listing_gives_the_same_data(
    root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = described(DATA[name](root))

    @given(st.integers(0, 2**32))
    @settings(max_examples=6, deadline=None)
    def listed_otherwise(seed: int) -> None:
        with monkeypatch.context() as patch:
            listed_by_chance(patch, seed)
            assert described(DATA[name](root)) == expected

    listed_otherwise()


@given(st.integers(0, 2**32))
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_of_a_listing_gives_the_same_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with monkeypatch.context() as patch:
        listed_by_chance(patch, seed)
        with pytest.raises(DataError, match=r"got 2 \.m4a, 1 \.txt, 7 \.wav, 1 \.webm$"):
            find_files(root / "sounds", (".mp3",))


@given(st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_parts_of_labels_are_joined_alike_in_any_order_of_a_listing(seed: int) -> None:
    facts = LabelFacts(num_clusters=9, rate_hz=50, centroids="x", features="mfcc")
    names = [f"{number}.wav" for number in range(6)]
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        for rank in range(3):
            writer = LabelWriter(folder, facts, rank)
            for number in range(rank, 6, 3):
                writer.add(names[number], [number] * (number + 1))
            writer.add("1.wav", [7, rank])  # labelled by each of them
            writer.close()
        listed_by_chance(patch, seed)
        join(folder, facts, names)
        assert sorted(LabelFolder(folder).names) == names
        assert Path(folder, "labels.km").read_text().splitlines()[1] == "7 2"
