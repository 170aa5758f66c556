import math
import pickle

import numpy as np
import pytest
import soundfile
import torch

from datamodules.batching.orders import BatchDraw
from datamodules.batching.reading import SampleSet
from datamodules.errors import BadSampleError, DataError
from datamodules.geometry import frames_for_samples, samples_for_frames
from datamodules.modalities.speech import SpeechData, label_frames
from tests.samples.places import SHARED_DATA
from tests.samples.recordings.sounds import write_audio

SHARED = SHARED_DATA


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "audio"
    write_audio(root / "a.wav", 4_000, rate_hz=8_000)
    write_audio(root / "deep/er/b.flac", 16_000, channels=2)
    write_audio(root / "c.ogg", 22_050, rate_hz=22_050)
    (root / "notes.txt").write_text("no audio")
    return root


def test_a_folder_gives_lengths_in_frames_whatever_the_rate(folder):
    distribution = SpeechData(str(folder)).lengths()
    assert distribution.values == (frames_for_samples(8_000), frames_for_samples(16_000))
    assert distribution.counts == (1, 2)
    assert (distribution.modality, distribution.unit) == ("speech", "frames")


@pytest.mark.parametrize("source", [".", "LibriSpeech", "LibriSpeech/dev-clean"])
def test_a_librispeech_tree_is_read_from_any_of_its_levels(tmp_path, source):
    tree = tmp_path / "LibriSpeech/dev-clean"
    write_audio(tree / "84/121123/84-121123-0000.flac", 8_000)
    write_audio(tree / "85/7/85-7-0001.flac", 16_000)
    write_audio(tree / "other.wav", 12_000)
    folder = str(tmp_path / source)
    assert SpeechData(folder, layout="librispeech").lengths().values == (24, 49)
    assert SpeechData(folder).lengths().values == (24, 37, 49)


@pytest.mark.torchaudio
def test_a_batch_has_exactly_the_asked_frames(folder):
    batch = SpeechData(str(folder)).batch_at(30, 3)
    samples = samples_for_frames(30)
    assert batch["input_values"].shape == batch["attention_mask"].shape == (3, samples)
    assert batch["labels"].shape == batch["mask_time_indices"].shape == (3, 30)
    assert batch["attention_mask"].sum(1).tolist() == [8_000, samples, samples]
    assert bool((batch["input_values"][0, 8_000:] == 0).all())
    assert not bool(batch["mask_time_indices"][0, 24:].any())
    assert batch["labels"][0, 24:].tolist() == [-100] * 6
    assert bool(batch["mask_time_indices"].any(1).all())
    dtypes = {name: tensor.dtype for name, tensor in batch.items()}
    assert dtypes == {
        "input_values": torch.float32,
        "attention_mask": torch.int64,
        "mask_time_indices": torch.bool,
        "labels": torch.int64,
    }
    assert "attention_mask" not in SpeechData(str(folder)).batch_at(20, 7)


@pytest.mark.torchaudio
def test_changing_a_file_changes_the_batch_and_the_fingerprint(folder):
    data = SpeechData(str(folder))
    before, mark = data.batch_at(40, 2), data.fingerprint()
    write_audio(folder / "deep/er/b.flac", 16_000, hertz=1_000.0)
    assert data.fingerprint() != mark
    after = data.batch_at(40, 2)
    assert not torch.equal(before["input_values"], after["input_values"])
    assert not torch.equal(before["labels"], after["labels"])


def test_labels_tell_loud_from_quiet_and_low_from_high():
    time = torch.arange(16_000) / 16_000
    quiet_then_loud = torch.where(time < 0.5, 0.01, 1.0) * torch.sin(2 * math.pi * 440 * time)
    low_then_high = torch.sin(2 * math.pi * torch.where(time < 0.5, 350.0, 3_500.0) * time)
    loudness = label_frames(quiet_then_loud, 4) // 4
    brightness = label_frames(low_then_high, 4) % 4
    assert loudness[[5, -5]].tolist() == [1, 3]
    assert brightness[[5, -5]].tolist() == [0, 3]
    assert len(loudness) == frames_for_samples(16_000)


@pytest.mark.parametrize("samples", [torch.zeros(4_000), torch.full((400,), 0.5)])
def test_labels_of_silence_are_in_range(samples):
    labels = label_frames(samples, 3)
    assert set(labels.tolist()) <= set(range(9))


def test_loaders_pad_to_the_longest_and_never_mask_padding(tmp_path):
    for number in range(20):
        write_audio(tmp_path / f"{number:02}.wav", 4_000 + 400 * number)
    data = SpeechData(str(tmp_path), batch_size=5, num_levels=3)
    train, val = list(data.train_dataloader()), list(data.val_dataloader())
    assert [len(batch["labels"]) for batch in train] == [5, 5, 5, 3]
    assert len(val[0]["labels"]) == 2  # which ones, and so how many, their names decide
    for batch in train:
        assert batch["labels"].shape == batch["mask_time_indices"].shape
        assert batch["labels"].shape[1] == frames_for_samples(batch["input_values"].shape[1])
        assert bool((batch["labels"][batch["mask_time_indices"]] >= 0).all())
    assert all(
        torch.equal(val[0][name], next(iter(data.val_dataloader()))[name]) for name in val[0]
    )
    assert data.num_classes == 9


def test_max_seconds_uses_the_beginning(tmp_path):
    write_audio(tmp_path / "a.wav", 32_000)
    data = SpeechData(str(tmp_path), max_seconds=1.0)
    assert data.lengths().values == (49,)
    assert data.batch_at(60, 1)["attention_mask"].sum() == 16_000


def damage_header(path):
    path.write_text("this is text")


def damage_middle(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def make_short(path):
    write_audio(path, 300)


@pytest.mark.parametrize("damage", [damage_header, make_short])
def test_a_bad_file_stops_or_is_skipped_and_counted_from_its_header(folder, damage):
    bad = folder / "deep/er/b.flac"
    damage(bad)
    with pytest.raises(BadSampleError, match=str(bad)) as caught:
        SpeechData(str(folder)).lengths()
    assert "\n" not in str(caught.value)
    data = SpeechData(str(folder), on_bad_sample="skip")
    with pytest.warns(UserWarning, match=f"skipped: .*{bad}"):
        assert data.lengths().count == 2
    assert len(data.skipped) == 1


@pytest.mark.torchaudio
def test_a_file_damaged_after_its_header_stops_or_is_replaced_by_the_next_nearest(folder):
    bad = folder / "deep/er/b.flac"
    damage_middle(bad)
    stopping = SpeechData(str(folder))
    assert stopping.lengths().count == 3
    with pytest.raises(BadSampleError, match=str(bad)):
        stopping.batch_at(49, 3)
    skipping = SpeechData(str(folder), on_bad_sample="skip", batch_size=3)
    with pytest.warns(UserWarning, match="skipped"):
        assert skipping.batch_at(49, 3)["labels"].shape == (3, 49)
    assert len(skipping.skipped) == 1
    (batch,) = skipping.predict_dataloader()
    assert len(batch["labels"]) == 2  # left out, and no other one in its place


def write_damaged(path, num_samples):
    """Write a recording whose header tells nothing of its damage."""
    soundfile.write(path, np.full(num_samples, np.nan, np.float32), 16_000, subtype="FLOAT")


def test_where_every_file_is_damaged_that_is_said(tmp_path):
    for number in range(3):
        write_damaged(tmp_path / f"{number}.wav", 8_000 + 1_600 * number)
    data = SpeechData(str(tmp_path), on_bad_sample="skip", batch_size=1)
    for loader in (data.train_dataloader(), data.predict_dataloader()):
        with (
            pytest.warns(UserWarning, match="skipped"),
            pytest.raises(DataError, match="every one of 1 sample of a batch is damaged, and"),
        ):
            list(loader)


def test_batches_of_damaged_files_alone_stop_nothing(tmp_path):
    for number in (0, 2, 3):
        write_audio(tmp_path / f"{number}.wav", 8_000 + 3_200 * number)
    write_damaged(tmp_path / "1.wav", 11_200)
    data = SpeechData(str(tmp_path), on_bad_sample="skip", batch_size=1)
    data._split = ([0, 1, 3], [1, 2])
    with pytest.warns(UserWarning, match="skipped: .*1.wav"):
        train, val, whole = (
            [batch["labels"] for batch in getattr(data, f"{name}_dataloader")()]
            for name in ("train", "val", "predict")
        )
    # In training the nearest one is read in its place, so that processes stay in step.
    assert sorted(len(labels[0]) for labels in train) == [24, 24, 54]
    # Of another one that is read in an evaluation nothing is to be predicted.
    assert [labels.shape for labels in val] == [(1, 44), (1, 44)]
    assert [bool((labels >= 0).any()) for labels in val] == [False, True]
    assert [len(labels[0]) for labels in whole] == [24, 44, 54]
    assert len(data.skipped) == 1


def test_an_evaluation_goes_on_where_all_that_is_held_out_is_damaged(tmp_path):
    for number in (0, 2, 3):
        write_audio(tmp_path / f"{number}.wav", 8_000 + 3_200 * number)
    write_damaged(tmp_path / "1.wav", 11_200)
    data = SpeechData(str(tmp_path), on_bad_sample="skip", batch_size=1)
    data._split = ([0, 2, 3], [1])
    with pytest.warns(UserWarning, match="skipped: .*1.wav"):
        (batch,) = data.val_dataloader()
    assert batch["labels"].shape == (1, 44)
    assert not (batch["labels"] >= 0).any()


def test_stopping_says_how_to_go_on(folder):
    (folder / "deep/er/b.flac").write_bytes(b"this is text")
    with pytest.raises(BadSampleError, match=r"`on_bad_sample: skip` leaves it out$"):
        SpeechData(str(folder)).lengths()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_waveform_with_a_number_that_is_none_is_damaged(tmp_path, value):
    samples = np.zeros(16_000, dtype=np.float32)
    samples[9_000] = value
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(BadSampleError, match="a.wav is damaged: it holds NaN or infinity"):
        SpeechData(str(tmp_path)).batch_at(49, 1)


def test_a_wav_file_that_was_cut_short_is_damaged(tmp_path):
    path = tmp_path / "a.wav"
    write_audio(path, 16_000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadSampleError, match=f"has {len(whole) // 2} bytes of {len(whole)}"):
        SpeechData(str(tmp_path)).lengths()


def test_wrong_sources_and_settings_are_named(tmp_path, folder):
    manifest = tmp_path / "train.tsv"
    manifest.write_text("root\n")
    (tmp_path / "empty").mkdir()
    for build, message in [
        (lambda: SpeechData(str(tmp_path / "absent")).lengths(), "absent does not exist"),
        (lambda: SpeechData(str(tmp_path / "empty")).lengths(), "holds no files ending in .flac"),
        (lambda: SpeechData(str(manifest)).lengths(), "holds no samples that can be used"),
        (lambda: SpeechData(str(manifest), layout="folder").lengths(), "must be a folder"),
        (lambda: SpeechData(str(folder), layout="manifest").lengths(), "must be a file"),
        (
            lambda: SpeechData(str(folder), layout="librispeech").lengths(),
            "speaker-chapter-utterance",
        ),
        (
            lambda: SpeechData("x", layout="tar"),  # type: ignore[arg-type]
            "datasets, folder, librispeech, manifest, got 'tar'",
        ),
        (lambda: SpeechData("x", on_bad_sample="cry"), "one of skip, stop, got 'cry'"),
        (lambda: SpeechData("x", max_seconds=0.01), "`max_seconds` must be at least 0.025"),
    ]:
        with pytest.raises(DataError, match=message):
            build()


@pytest.mark.torchaudio
def test_the_reader_can_be_sent_to_loader_processes(folder):
    reader = SpeechData(str(folder)).reader
    copy = pickle.loads(pickle.dumps(reader))
    first, second = (
        SampleSet(one, range(3), 0)[BatchDraw((1,), 0, 49, 49)] for one in (reader, copy)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
def test_real_digits_are_read():
    data = SpeechData(str(SHARED / "fsdd"))
    assert data.lengths().count == 2500
    batch = data.batch_at(30, 4)
    assert batch["input_values"].shape == (4, samples_for_frames(30))
    assert len(batch["labels"].unique()) > 5
