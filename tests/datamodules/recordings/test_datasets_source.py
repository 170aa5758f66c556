import io
import os
import pickle
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile
import torch

from datamodules.bad_samples import BadSamples
from datamodules.errors import BadSampleError, DataError
from datamodules.files.datasets_hub import open_rows
from datamodules.modalities.speech import SpeechData
from datamodules.recordings.datasets_source import list_rows, read_texts, stamp_rows
from datamodules.recordings.decoding import decode
from datamodules.recordings.listing import list_recordings


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def sound_bytes(num_samples, rate_hz=16_000, kind="WAV"):
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(np.arange(num_samples) / 9), rate_hz, format=kind)
    return file.getvalue()


def save(folder, audio, **columns):
    """Save rows whose audio column is one that `datasets` would decode."""
    rows = datasets.Dataset.from_dict({"audio": audio, **columns})
    rows = rows.cast_column("audio", datasets.Audio())
    rows.save_to_disk(folder)
    return str(folder)


@pytest.fixture
def saved(tmp_path):
    soundfile.write(tmp_path / "c.wav", np.linspace(-0.5, 0.5, 12_000), 8_000)
    audio = [
        {"bytes": sound_bytes(9_000), "path": "a.wav"},
        {"bytes": sound_bytes(22_050, 44_100, "FLAC"), "path": "b.flac"},
        {"bytes": None, "path": str(tmp_path / "c.wav")},
    ]
    return save(tmp_path / "saved", audio, text=["one", "two", None])


@pytest.mark.torchaudio
def test_a_saved_folder_gives_names_lengths_sounds_and_texts(saved):
    recordings = list_recordings(saved, "datasets", BadSamples("stop"))
    assert [item.name for item in recordings] == ["a.wav", "b.flac", "c.wav"]
    assert [item.num_samples for item in recordings] == [9_000, 8_000, 24_000]
    sound = decode(recordings[0], 9_000)
    assert torch.allclose(sound, 0.3 * torch.sin(torch.arange(9_000) / 9), atol=1e-3)
    ramp = decode(recordings[2], 24_000)[1_000:-1_000]
    expected = torch.linspace(-0.5, 0.5, 24_000)[1_000:-1_000]
    assert torch.allclose(ramp, expected, atol=1e-2)
    assert len(decode(recordings[1], 3_000, 500)) == 3_000
    assert read_texts(saved) == {"a.wav": "one", "b.flac": "two"}
    stamped = {Path(name).name for name, _, _ in stamp_rows(saved)}
    assert "data-00000-of-00001.arrow" in stamped


@pytest.mark.parametrize("columns", [["text"], ["audio"], None])
def test_a_saved_folder_is_read_whatever_format_its_writer_gave_it(tmp_path, saved, columns):
    rows = datasets.load_from_disk(saved)
    rows.set_format("torch", columns)
    rows.save_to_disk(tmp_path / "formatted")
    source = str(tmp_path / "formatted")
    recordings = list_rows(source, BadSamples("stop"))
    assert [item.num_samples for item in recordings] == [9_000, 8_000, 24_000]
    assert read_texts(source) == {"a.wav": "one", "b.flac": "two"}


@pytest.mark.parametrize("kind", [None, "torch"])
def test_rows_are_those_that_labels_were_made_of_whatever_format_they_have(tmp_path, saved, kind):
    rows = datasets.load_from_disk(saved)
    rows.set_format(kind)
    rows.save_to_disk(tmp_path / "formatted")
    source = str(tmp_path / "formatted")
    assert open_rows(source)._fingerprint == datasets.load_from_disk(source)._fingerprint


@pytest.mark.torchaudio
def test_recordings_can_be_sent_to_loader_processes_without_their_bytes(saved):
    recordings = list_recordings(saved, "datasets", BadSamples("stop"))
    sent = pickle.dumps(recordings)
    assert len(sent) < 9_000
    for copy, recording in zip(pickle.loads(sent), recordings, strict=True):
        assert torch.equal(decode(copy, 5_000), decode(recording, 5_000))


def test_other_data_take_the_layout_too(saved):
    assert SpeechData(saved, layout="datasets").lengths().count == 3


def test_rows_without_names_of_their_own_are_numbered(tmp_path):
    audio = [{"bytes": sound_bytes(900 + row), "path": "x.wav"} for row in range(2)]
    source = save(tmp_path / "saved", audio, sentence=["A", "B"])
    assert read_texts(source) == {"00000000": "A", "00000001": "B"}


def test_lengths_are_kept_until_the_rows_change(tmp_path):
    source = save(tmp_path / "saved", [{"bytes": sound_bytes(900), "path": "a.wav"}], text=["A"])
    assert list_rows(source, BadSamples("stop"))[0].num_samples == 900
    (kept,) = (tmp_path / "cache").rglob("*.npy")
    np.save(kept, np.array([901], dtype=np.int32))
    assert list_rows(source, BadSamples("stop"))[0].num_samples == 901
    other = save(tmp_path / "saved", [{"bytes": sound_bytes(950), "path": "a.wav"}], text=["A"])
    assert list_rows(other, BadSamples("stop"))[0].num_samples == 950


@pytest.fixture
def named(tmp_path):
    """Save a row with no more of its audio than the path; saving audio would embed it."""
    soundfile.write(tmp_path / "c.wav", np.zeros(12_000), 8_000)
    kinds = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    rows = datasets.Dataset.from_dict(
        {"audio": [{"bytes": None, "path": str(tmp_path / "c.wav")}]},
        features=datasets.Features({"audio": kinds}),
    )
    rows.save_to_disk(tmp_path / "named")
    typed = rows.cast_column("audio", datasets.Audio())
    typed.info.write_to_directory(str(tmp_path / "named"))
    return str(tmp_path / "named")


def test_lengths_are_kept_until_audio_changes_that_rows_name_by_its_path(named, tmp_path):
    assert list_rows(named, BadSamples("stop"))[0].num_samples == 24_000
    soundfile.write(tmp_path / "c.wav", np.zeros(5_000), 8_000)
    assert list_rows(named, BadSamples("stop"))[0].num_samples == 10_000


def fingerprint(source):
    return SpeechData(str(source), layout="datasets").fingerprint()


def test_the_fingerprint_changes_with_audio_that_rows_name_by_its_path(named, tmp_path):
    before = fingerprint(named)
    assert fingerprint(named) == before
    soundfile.write(tmp_path / "c.wav", np.ones(12_000) / 2, 8_000)
    assert fingerprint(named) != before


def test_the_fingerprint_changes_with_a_file_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    marks = []
    for num_samples in (9_000, 9_001):
        audio = [{"bytes": sound_bytes(num_samples), "path": "a.wav"}]
        rows = datasets.Dataset.from_dict({"audio": audio}).cast_column("audio", datasets.Audio())
        rows.to_parquet(tmp_path / "a.parquet")
        marks += [fingerprint(tmp_path / "a.parquet"), fingerprint(tmp_path / "a.parquet")]
    assert marks[0] == marks[1] != marks[2] == marks[3]


def test_the_fingerprint_changes_with_the_rows_of_a_hub_name(tmp_path, monkeypatch):
    marks = []
    for number in range(2):
        audio = [{"bytes": sound_bytes(9_000 + number), "path": "a.wav"}]
        source = save(tmp_path / f"revision-{number}", audio)
        monkeypatch.setattr(
            datasets, "load_dataset", lambda *_, at=source, **__: datasets.load_from_disk(at)
        )
        marks += [fingerprint("owner/speech"), fingerprint("owner/speech")]
    assert marks[0] == marks[1] != marks[2] == marks[3]


def test_stamps_stay_where_the_copy_that_datasets_makes_is_another_one(tmp_path, monkeypatch):
    audio = [{"bytes": sound_bytes(9_000), "path": "a.wav"}]
    source = Path(save(tmp_path / "saved", audio))
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.load_from_disk(source))
    (tmp_path / "a.parquet").touch()
    names = ("owner/speech", str(tmp_path / "a.parquet"), str(source))
    before = [stamp_rows(name) for name in names]
    for copy in source.glob("*.arrow"):
        os.utime(copy, (1, 1))
    of_hub, of_file, of_folder = (stamp_rows(name) for name in names)
    assert [of_hub, of_file] == before[:2]
    assert of_folder != before[2]  # no copy, but the source


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"this is no sound", "b.wav cannot be read"),
        (sound_bytes(9_000)[:5_000], "b.wav is damaged: it has 5000 bytes of 18044"),
        (sound_bytes(300), "b.wav must have at least 400 samples"),
        (None, "b.wav cannot be read: the row has neither bytes nor a file"),
    ],
)
def test_a_damaged_row_is_named_every_time_or_left_out(tmp_path, content, message):
    table = datasets.Dataset.from_dict(
        {
            "audio": [
                {"bytes": sound_bytes(9_000), "path": "a.wav"},
                {"bytes": content, "path": "b.wav"},
            ]
        },
        features=datasets.Features(
            {"audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}}
        ),
    )
    table.save_to_disk(tmp_path / "saved")
    state = tmp_path / "saved/dataset_info.json"
    typed = table.cast_column("audio", datasets.Audio())
    typed.info.write_to_directory(str(tmp_path / "saved"))
    assert "Audio" in state.read_text()
    for _ in range(2):
        with pytest.raises(BadSampleError, match=message):
            list_rows(str(tmp_path / "saved"), BadSamples("stop"))
    with pytest.warns(UserWarning, match="skipped: .*b.wav"):
        rows = list_rows(str(tmp_path / "saved"), BadSamples("skip"))
    assert [row.name for row in rows] == ["a.wav"]


def test_a_wrong_source_is_one_sentence(tmp_path, saved):
    rows = datasets.load_from_disk(saved)
    datasets.DatasetDict(train=rows, dev=rows).save_to_disk(tmp_path / "splits")
    rows.remove_columns("audio").save_to_disk(tmp_path / "silent")
    rows.remove_columns("text").save_to_disk(tmp_path / "wordless")
    broken = Path(saved).parent / "broken"
    (broken).mkdir()
    (broken / "state.json").write_text("{")
    for call, source, message in [
        (list_rows, tmp_path / "splits", "must be one split, .* one of train, dev"),
        (list_rows, tmp_path / "silent", "must have a column of audio, got text"),
        (list_rows, tmp_path / "absent", "must be a folder saved by save_to_disk or a hub name"),
        (list_rows, broken, "must be a folder saved by save_to_disk or a hub name"),
        (list_rows, "speech:train", "must be a hub name or name:config:split, got speech:train"),
    ]:
        with pytest.raises(DataError, match=message) as caught:
            call(str(source), BadSamples("stop"))
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="one of text, sentence, .* got audio"):
        read_texts(str(tmp_path / "wordless"))


@pytest.mark.parametrize("name", ["speech.arrow", "speech.Parquet"])
def test_a_file_that_is_not_there_is_not_looked_for_on_the_hub(monkeypatch, name):
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("the hub was asked"))
    with pytest.raises(DataError, match=f"`source` file {name} does not exist"):
        list_rows(name, BadSamples("stop"))


def test_the_ending_of_a_table_may_have_capitals(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    audio = [{"bytes": sound_bytes(9_000), "path": "a.wav"}]
    rows = datasets.Dataset.from_dict({"audio": audio}).cast_column("audio", datasets.Audio())
    rows.to_parquet(tmp_path / "A.PARQUET")
    (recording,) = list_rows(str(tmp_path / "A.PARQUET"), BadSamples("stop"))
    assert recording.num_samples == 9_000


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("owner/speech", ("owner/speech", None, "train")),
        ("owner/speech:clean:test", ("owner/speech", "clean", "test")),
        ("owner/speech::test", ("owner/speech", None, "test")),
    ],
)
def test_a_hub_name_has_a_config_and_a_split(monkeypatch, saved, source, asked):
    calls = []

    def load_dataset(builder, name=None, split=None):
        calls.append((builder, name, split))
        return datasets.load_from_disk(saved)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert len(list_rows(source, BadSamples("stop"))) == 3
    assert calls == [asked]
