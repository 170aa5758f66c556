import pickle

import numpy as np
import pytest
import soundfile
import torch

from datamodules.errors import DataError
from datamodules.geometry import samples_for_frames
from datamodules.utterances.keywords import KeywordSpeech


def write_classes(folder, names, count=4, first=8_000):
    for place, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            tone = 0.3 * np.sin(np.arange(first + 700 * (number + place)) / (5 + place))
            soundfile.write(folder / name / f"{number}.wav", tone, 16_000)
    return folder


def speech(folder, **settings):
    return KeywordSpeech(str(folder), **({"num_workers": 0, "batch_seconds": 4.0} | settings))


@pytest.fixture
def folder(tmp_path):
    return write_classes(tmp_path / "train", ["yes", "no", "_background_noise_", "down"])


def test_a_recording_has_the_class_of_its_folder(folder):
    data = speech(folder, val_source=str(folder))
    assert data.classes == ["down", "no", "yes"]
    assert data.num_classes == 3
    seen = []
    for batch in data.train_dataloader():
        assert batch["labels"].shape == batch["index"].shape
        assert batch["labels"].dtype == torch.int64
        for label, index in zip(batch["labels"].tolist(), batch["index"].tolist(), strict=True):
            assert data.train_reader.recordings[index].name.split("/")[0] == data.classes[label]
            seen.append(index)
    assert sorted(seen) == list(range(12))


def test_batches_are_padded_and_whole(folder):
    data = speech(folder, val_source=str(folder), mask_probability=0.4)
    padded = 0
    for batch in data.val_dataloader():
        assert "mask_time_indices" not in batch
        frames = [data.val_reader.lengths[index] for index in batch["index"].tolist()]
        assert batch["input_values"].shape[1] == samples_for_frames(max(frames))
        if "attention_mask" in batch:
            padded += 1
            assert batch["attention_mask"].sum(1).tolist() == list(map(samples_for_frames, frames))
    assert padded
    assert all("mask_time_indices" in batch for batch in data.train_dataloader())
    plain = speech(folder, val_source=str(folder)).train_dataloader()
    assert not any("mask_time_indices" in batch for batch in plain)


def test_validation_may_lack_classes_but_have_no_others(folder, tmp_path):
    fewer = write_classes(tmp_path / "fewer", ["yes"])
    data = speech(folder, val_source=str(fewer))
    assert {int(label) for batch in data.val_dataloader() for label in batch["labels"]} == {2}
    more = write_classes(tmp_path / "more", ["yes", "up", "left"])
    with pytest.raises(DataError, match="`val_source` must have classes of `source` .* left, up"):
        speech(folder, val_source=str(more)).setup("fit")
    with pytest.raises(DataError, match="`test_source` must have classes of `source` .* left, up"):
        speech(folder, test_source=str(more)).test_dataloader()


def test_a_source_without_classes_is_named(folder, tmp_path):
    one = write_classes(tmp_path / "one", ["yes"])
    with pytest.raises(DataError, match="at least 2 folders, one for each class, got yes"):
        speech(one).setup("fit")
    soundfile.write(folder / "loose.wav", np.zeros(900), 16_000)
    with pytest.raises(DataError, match="in the folder of its class, got loose.wav"):
        speech(folder).setup("fit")


def test_short_and_long_recordings_are_left_out_of_training(folder):
    data = speech(folder, val_source=str(folder), max_seconds=0.6, min_seconds=0.53)
    with pytest.warns(UserWarning, match="left out of training: .* longer .* shorter"):
        loader = data.train_dataloader()
    used = [index for batch in loader for index in batch["index"].tolist()]
    samples = [data.train_reader.recordings[index].num_samples for index in used]
    assert min(samples) >= 8_480
    assert max(samples) <= 9_600


def test_the_reader_can_be_sent_to_loader_processes(folder):
    reader = speech(folder).train_reader
    copy = pickle.loads(pickle.dumps(reader))
    assert [int(copy.labels(index)) for index in range(12)] == [
        int(reader.labels(index)) for index in range(12)
    ]
