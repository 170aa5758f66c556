"""Speech that is listed in a manifest."""

from typing import Any

import pytest

from datamodules.bad_samples import BadSamples
from datamodules.errors import BadSampleError, DataError
from datamodules.modalities.speech import SpeechData
from datamodules.recordings.listing import list_paths, list_recordings
from datamodules.utterances.crops import CropReader
from tests.samples.recordings.sounds import write_audio


def test_a_manifest_gives_its_lengths_without_touching_a_file(tmp_path):
    manifest = tmp_path / "train.tsv"
    manifest.write_text("nowhere\nx/a.flac\t16000\nb c.flac\t8000\n\n")
    data = SpeechData(str(manifest))
    assert data.lengths().values == (24, 49)
    with pytest.raises(DataError, match="nowhere/x/a.flac cannot be read: it does not exist"):
        data.batch_at(49, 1)


def test_a_limit_in_seconds_keeps_all_frames_of_so_many_seconds(tmp_path):
    manifest = tmp_path / "train.tsv"
    manifest.write_text("nowhere\na.flac\t16080\nb.flac\t16400\n")  # 1.005 s are 50 frames
    assert SpeechData(str(manifest), max_seconds=1.005).lengths().values == (50,)
    recordings = list_recordings(str(manifest), "manifest", BadSamples("stop"))
    labels: Any = None
    assert CropReader(recordings, 1.005, labels, 0.8, BadSamples("stop")).lengths == [50, 50]


def test_a_manifest_root_is_meant_from_the_manifest(tmp_path):
    write_audio(tmp_path / "audio/a.wav", 16_000)
    (tmp_path / "train.tsv").write_text("audio\na.wav\t16000\n")
    assert SpeechData(str(tmp_path / "train.tsv")).batch_at(49, 1)["input_values"].any()


def test_a_manifest_may_begin_with_a_byte_order_mark(tmp_path):
    write_audio(tmp_path / "a.wav", 16_000)
    (tmp_path / "m.tsv").write_text("\ufeff.\na.wav\t16000\n", encoding="utf-8")
    assert SpeechData(str(tmp_path / "m.tsv")).batch_at(49, 1)["input_values"].any()


def test_a_file_shorter_than_listed_is_named(tmp_path):
    write_audio(tmp_path / "a.wav", 16_000, rate_hz=8_000)
    (tmp_path / "train.tsv").write_text(".\na.wav\t16000\n")
    with pytest.raises(BadSampleError, match="a.wav must have 16000 samples .* got 32000"):
        SpeechData(str(tmp_path / "train.tsv")).batch_at(49, 1)


@pytest.mark.parametrize("line", ["a.flac 16000", "a.flac\t", "a.flac\t-5", "\t16000", "a\t1.5"])
def test_a_bad_manifest_line_is_named_by_its_number(tmp_path, line):
    manifest = tmp_path / "train.tsv"
    manifest.write_text(f"root\na.flac\t16000\n{line}\n")
    with pytest.raises(BadSampleError, match="line 3 of manifest .*train.tsv must be `path<TAB>"):
        SpeechData(str(manifest)).lengths()
    data = SpeechData(str(manifest), on_bad_sample="skip")
    with pytest.warns(UserWarning, match="line 3"):
        assert data.lengths().count == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "not a manifest"), (b"\xff\xfb\x00", "not a manifest"), (b"a\t5\n", "the first line")],
)
def test_a_file_that_is_no_manifest_is_one_sentence(tmp_path, content, message):
    path = tmp_path / "train.tsv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        SpeechData(str(path)).lengths()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("end", ["", "\t", "\r", " \t\r"])
def test_files_of_a_manifest_are_those_of_its_recordings_whatever_ends_a_line(tmp_path, end):
    write_audio(tmp_path / "a.wav", 16_000)
    manifest = tmp_path / "m.tsv"
    manifest.write_bytes(f".\na.wav\t16000{end}\nb\tc.wav\t8000{end}\n".encode())
    listed = list_recordings(str(manifest), "manifest", BadSamples("stop"))
    assert list_paths(str(manifest), "auto") == [manifest, *(each.path for each in listed)]
    before = SpeechData(str(manifest)).fingerprint()
    write_audio(tmp_path / "a.wav", 17_000)
    assert SpeechData(str(manifest)).fingerprint() != before


@pytest.mark.parametrize("line", ["a.wav", "a.wav\t", "\t16000", "a.wav\tlong"])
def test_a_line_that_is_none_of_a_manifest_names_no_file(tmp_path, line):
    manifest = tmp_path / "m.tsv"
    manifest.write_text(f"sounds\n{line}\nb.wav\t8000\n")
    assert list_paths(str(manifest), "auto") == [manifest, tmp_path / "sounds/b.wav"]
