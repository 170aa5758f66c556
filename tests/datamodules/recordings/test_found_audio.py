"""Which files are taken for recordings, and what is said of those that are not."""

import json
import os
from pathlib import Path

import pytest
import soundfile

from datamodules.errors import BadSampleError
from datamodules.files.finding import find_files
from datamodules.modalities.speech import SpeechData
from tests.samples.recordings.sounds import sound


def test_a_name_that_is_no_utf8_is_read_and_written(tmp_path):
    folder = os.fsencode(tmp_path / "audio")
    os.mkdir(folder)
    soundfile.write(tmp_path / "a.wav", sound(), 16_000)
    os.rename(tmp_path / "a.wav", folder + b"/caf\xe9.wav")
    data = SpeechData(str(tmp_path / "audio"))
    distribution = data.lengths()
    assert distribution.count == 1
    assert data.batch_at(20, 1)["input_values"].any()
    distribution.to_json(tmp_path / "lengths.json")
    assert json.loads((tmp_path / "lengths.json").read_text())["count"] == 1


@pytest.mark.parametrize("ending", ["aiff", "au", "caf", "oga", "opus"])
def test_what_libsndfile_reads_is_taken(tmp_path, ending):
    kinds = {"oga": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}
    kind, subtype = kinds.get(ending, (ending.upper(), "PCM_16"))
    soundfile.write(tmp_path / f"a.{ending}", sound(), 16_000, format=kind, subtype=subtype)
    (tmp_path / "b.m4a").write_bytes(b"other")
    distribution = SpeechData(str(tmp_path)).lengths()
    assert distribution.count == 1
    assert distribution.left_out == {"other ending": {".m4a": 1}}


def test_a_hidden_file_whose_ending_is_no_utf8_is_counted_and_written(tmp_path):
    soundfile.write(tmp_path / "a.wav", sound(), 16_000)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/.b.caf\xe9")).touch()
    distribution = SpeechData(str(tmp_path)).lengths()
    assert distribution.left_out == {"hidden": {r".caf\udce9": 1}}
    distribution.to_json(tmp_path / "lengths.json")
    assert type(distribution).from_json(tmp_path / "lengths.json") == distribution


def names(folder):
    return [path.relative_to(folder).as_posix() for path in find_files(folder, (".wav",))]


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_link_to_a_folder_of_the_same_source_renames_nothing(tmp_path):
    for name in ("v2/a.wav", "v2/deep/b.wav", "x/c.wav"):
        write(tmp_path / name)
    before = names(tmp_path)
    for link, target in {"current": "v2", "v2/again": "v2", "all": "", "a/b/x": "v2/deep"}.items():
        (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / link).symlink_to(tmp_path / target)
    assert names(tmp_path) == before == ["v2/a.wav", "v2/deep/b.wav", "x/c.wav"]


def test_links_to_folders_elsewhere_and_to_hidden_ones_are_followed(tmp_path):
    source = tmp_path / "source"
    for path in (source / ".kept/a.wav", source / "b.wav", tmp_path / "elsewhere/c.wav"):
        write(path)
    (source / "shown").symlink_to(".kept")
    (source / "linked").symlink_to(tmp_path / "elsewhere")
    assert names(source) == ["b.wav", "linked/c.wav", "shown/a.wav"]


def test_what_is_left_out_is_counted_by_reason_and_ending_once(tmp_path, caplog):
    for name in ("a.wav", "deep/b.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, sound(), 16_000)
    soundfile.write(tmp_path / "short.wav", sound(300), 16_000)
    (tmp_path / "text.flac").write_text("no audio")
    for name in ("c.m4a", "deep/d.M4A", "e.webm", "README", ".f.wav"):
        (tmp_path / name).write_bytes(b"other")
    os.mkfifo(tmp_path / "pipe.wav")  # opening it would wait for ever
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    data = SpeechData(str(tmp_path), on_bad_sample="skip")
    with pytest.warns(UserWarning, match="skipped") as warned:
        distribution = data.lengths()
    assert distribution.count == 2
    assert distribution.left_out == {
        "cannot be read": {".flac": 1, ".wav": 1},
        "hidden": {".wav": 1},
        "not a file": {".wav": 1},
        "other ending": {".m4a": 2, ".webm": 1, "without an ending": 1},
        "shorter than a frame": {".wav": 1},
    }
    assert "gone.wav cannot be read: it does not exist" in " ".join(str(w.message) for w in warned)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "2 .m4a (other ending)" in line
    distribution.to_json(tmp_path / "lengths.json")
    written = json.loads((tmp_path / "lengths.json").read_text())
    assert written["found"] == 11
    assert type(distribution).from_json(tmp_path / "lengths.json") == distribution


def test_a_link_that_leads_nowhere_stops_by_its_name(tmp_path):
    soundfile.write(tmp_path / "a.wav", sound(), 16_000)
    (tmp_path / "gone.wav").symlink_to("gone.wav")  # to itself
    with pytest.raises(BadSampleError, match="gone.wav cannot be read"):
        SpeechData(str(tmp_path)).lengths()


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", sound(), 16_000)
    (tmp_path / "secret").mkdir()
    scandir = os.scandir

    def refuse(place):
        if str(place).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(BadSampleError, match="secret cannot be read: Permission denied"):
        SpeechData(str(tmp_path)).lengths()
    skipping = SpeechData(str(tmp_path), on_bad_sample="skip")
    with pytest.warns(UserWarning, match="secret"):
        assert skipping.lengths().left_out == {"folder that cannot be read": {"": 1}}
