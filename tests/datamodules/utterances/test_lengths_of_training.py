"""Data that a model is trained on tell the lengths that it sees there."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from datamodules.errors import DataError
from datamodules.geometry import frames_for_samples
from datamodules.lengths import LengthDistribution
from datamodules.sampling import Sampled, Sampling
from datamodules.utterances.pretraining import PretrainingSpeech
from datamodules.utterances.transcribed import TranscribedSpeech
from datamodules.utterances.whole import RecordingData
from tests.samples.recordings.speech import write_labels, write_sounds
from tests.samples.recordings.transcribed import speech, write_corpus

COUNT = 12


def counts_of(found: LengthDistribution) -> dict[int, int]:
    return dict(zip(found.values, found.counts, strict=True))


def seen_in_training(data: TranscribedSpeech) -> Counter[int]:
    """Return the lengths of the utterances of an epoch, by their places."""
    reader = data.train_reader
    batches = data.train_dataloader()
    return Counter(reader.lengths[index] for batch in batches for index in batch["index"].tolist())


@pytest.mark.filterwarnings("ignore:.*left out of training")
@pytest.mark.parametrize("limits", [{}, {"max_seconds": 0.7, "min_seconds": 0.53}])
@pytest.mark.parametrize("held_out", [True, False])
def test_the_lengths_are_those_of_an_epoch(
    tmp_path: Path, limits: dict[str, float], held_out: bool
) -> None:
    folder = write_corpus(tmp_path / "train", COUNT)
    apart = {} if held_out else {"val_source": str(write_corpus(tmp_path / "val", 2))}
    data = speech(folder, hold_out_fraction=0.3, **apart, **limits)

    found = speech(folder, hold_out_fraction=0.3, **apart, **limits).lengths()

    assert counts_of(found) == seen_in_training(data)
    assert found.count_found == COUNT + 1  # the table of transcripts is one of the files
    expected = {"held out for validation"} if held_out else set()
    expected |= {f"longer than `{name}` 0.7" for name in limits if name == "max_seconds"}
    expected |= {f"shorter than `{name}` 0.53" for name in limits if name == "min_seconds"}
    assert set(found.left_out) == {"other ending", *expected}


def test_crops_are_as_long_as_they_may_be(tmp_path: Path) -> None:
    samples = write_sounds(tmp_path / "sounds", COUNT)
    write_labels(tmp_path / "labels", samples)
    data = PretrainingSpeech(
        str(tmp_path / "sounds"),
        val_source=str(tmp_path / "sounds"),
        max_seconds=0.6,
        min_seconds=0.52,
        labels=str(tmp_path / "labels"),
        val_labels=str(tmp_path / "labels"),
    )
    with pytest.warns(UserWarning, match="shorter than `min_seconds` 0.52"):
        found = data.lengths()

    used = [min(number, 9_600) for number in samples.values() if number >= 8_320]
    assert counts_of(found) == Counter(map(frames_for_samples, used))
    assert found.left_out == {"shorter than `min_seconds` 0.52": {".wav": COUNT - len(used)}}
    assert data.cuts_at == "`max_seconds` 0.6"
    assert any("nothing is padded" in note for note in data.length_notes)


def test_labels_that_are_missing_are_refused_as_in_training(tmp_path: Path) -> None:
    write_sounds(tmp_path / "sounds", 3)
    with pytest.raises(DataError, match="labels"):
        PretrainingSpeech(str(tmp_path / "sounds"), labels=str(tmp_path / "none")).lengths()


def test_recordings_that_nothing_is_trained_on_are_all_counted(tmp_path: Path) -> None:
    samples = write_sounds(tmp_path / "sounds", COUNT)
    found = RecordingData(str(tmp_path / "sounds")).lengths()
    assert counts_of(found) == Counter(map(frames_for_samples, samples.values()))
    assert found.left_out == {}


def test_some_recordings_are_drawn_and_only_they_are_looked_at(tmp_path: Path) -> None:
    def drawn(**settings: Any) -> LengthDistribution:
        data = speech(write_corpus(tmp_path / "train", COUNT), **settings)
        data.sampling = Sampling(6, seed=3)
        return data.lengths()

    found = drawn(val_source=str(write_corpus(tmp_path / "val", 2)))
    assert (found.count, found.sampled) == (6, Sampled(COUNT, 3, 6))
    # One of those that were drawn is held out: it is found, and has no length.
    less = drawn()
    assert (less.count, less.sampled) == (5, Sampled(COUNT, 3, 6))
    assert less.count_found == COUNT + 1
