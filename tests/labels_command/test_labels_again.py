"""The same command again: what is done stays done only for the same recordings and settings."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
import soundfile

from datamodules.errors import DataError
from datamodules.labels.reading import LabelFolder
from datamodules.utterances.whole import RecordingData
from lightning_modules.errors import ModelError
from lightning_modules.folder_lock import FolderLock
from lightning_modules.units.kmeans import Quantizer
from tests.samples.labels.command import damaged_copy, make_labels, read_all
from tests.samples.recordings.speech import write_sound

SKIP = {"on_bad_sample": "skip"}
pytestmark = pytest.mark.torchaudio


@pytest.fixture
def source(sounds, tmp_path):
    """Copy three recordings, with their times of change."""
    folder = tmp_path / "source"
    folder.mkdir()
    for path in sorted(sounds[0].iterdir())[:3]:
        shutil.copy2(path, folder / path.name)
    return folder


def edit(path):
    """Change the sound of a recording, not its size."""
    sound, rate_hz = soundfile.read(path)
    size = path.stat().st_size
    soundfile.write(path, sound / 2, rate_hz)
    assert path.stat().st_size == size


def begin(source, folder, num_recordings):
    """Label so many recordings, as a run does that is killed then."""
    with pytest.raises(DataError, match="has no labels yet of "):
        make_labels(source, folder, trainer={"limit_predict_batches": num_recordings})


@pytest.mark.parametrize(
    ("setting", "before", "after"), [("seed", 0, 1), ("sample_frames", 90, 80)]
)
def test_a_kmeans_of_another_fit_is_refused(source, tmp_path, setting, before, after):
    make_labels(source, tmp_path / "out", **{setting: before})
    make_labels(source, tmp_path / "out", **{setting: before})
    with pytest.raises(ModelError, match=f"`{setting}` must be {before}, .* got {after}"):
        make_labels(source, tmp_path / "out", **{setting: after})


def test_of_a_folder_that_is_complete_and_cannot_be_written_to_the_labels_are_told(
    source, tmp_path, monkeypatch
):
    make_labels(source, tmp_path / "out")

    def refuse(*_):
        raise PermissionError(13, "Permission denied", ".in_use")

    monkeypatch.setattr(FolderLock, "__init__", refuse)
    make_labels(source, tmp_path / "out")
    with pytest.raises(PermissionError):
        make_labels(source, tmp_path / "new")


def test_a_folder_that_is_complete_may_be_on_a_mount_that_is_read_only(
    source, tmp_path, monkeypatch
):
    make_labels(source, tmp_path / "out")

    def refuse(path, missing_ok=False):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert "3 recordings" in make_labels(source, tmp_path / "out").summary


def test_a_kmeans_that_does_not_say_how_it_was_fitted_is_taken(source, tmp_path, made):
    (tmp_path / "out").mkdir()
    fitted = Quantizer.load(made / "kmeans.safetensors")
    fitted.save(tmp_path / "out/kmeans.safetensors")
    make_labels(source, tmp_path / "out", seed=3)
    given = str(made / "kmeans.safetensors")
    make_labels(source, tmp_path / "other", kmeans=given, seed=4)  # nothing is fitted


def test_labels_of_a_recording_that_was_edited_are_no_longer_taken_for_its_own(source, tmp_path):
    make_labels(source, tmp_path / "out")
    edit(source / "01.wav")
    with pytest.raises(DataError, match="holds labels of other audio, .* give another `folder`"):
        make_labels(source, tmp_path / "out")


def test_labels_of_a_copy_with_the_same_times_are_done(source, tmp_path):
    make_labels(source, tmp_path / "out")
    before = read_all(tmp_path / "out")
    shutil.copytree(source, tmp_path / "copy")
    make_labels(tmp_path / "copy", tmp_path / "out")
    assert read_all(tmp_path / "out") == before


def test_an_edited_recording_stops_a_run_that_was_killed_from_going_on(source, tmp_path):
    out = tmp_path / "out"
    begin(source, out, 2)
    (part,) = out.glob(".part-*")
    done = part.read_text().splitlines()[1].split("\t")[0]
    edit(source / done)
    other = f"holds unfinished labels of other audio, as size or time of change of {done}"
    with pytest.raises(DataError, match=other):
        make_labels(source, out)
    part.unlink()
    make_labels(source, out)
    assert not list(out.glob(".*"))


def test_a_recording_that_stopped_a_run_may_be_mended_before_it_goes_on(source, tmp_path):
    write_sound(source / "bad.flac", 8_000)
    content = (source / "bad.flac").read_bytes()
    (source / "bad.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="bad.flac"):
        make_labels(source, tmp_path / "out")
    (source / "bad.flac").write_bytes(content)
    make_labels(source, tmp_path / "out")
    assert len(LabelFolder(tmp_path / "out").names) == 4


@pytest.mark.parametrize("done", [0, 2])
def test_unfinished_labels_are_not_finished_with_new_recordings(source, tmp_path, done):
    out = tmp_path / "out"
    begin(source, out, done)
    write_sound(source / "new.wav", 9_000)
    without = "labels begun without recording new.wav as it is now: give another"
    with pytest.raises(DataError, match=without):
        make_labels(source, out)
    (source / "new.wav").unlink()
    make_labels(source, out)
    assert len(LabelFolder(out).names) == 3


def test_a_kmeans_labels_no_other_source_that_has_the_same_names(source, tmp_path):
    out = tmp_path / "out"
    begin(source, out, 0)
    for path in source.iterdir():
        edit(path)
    with pytest.raises(DataError, match="labels begun without recording 00.wav as it is now"):
        make_labels(source, out)


def test_a_kmeans_is_never_there_without_the_names_of_its_recordings(source, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(RecordingData, "open_labels", stop)
        with pytest.raises(RuntimeError, match="killed"):
            make_labels(source, tmp_path / "out")
    assert (tmp_path / "out/kmeans.safetensors").exists()
    write_sound(source / "new.wav", 9_000)
    with pytest.raises(DataError, match="labels begun without recording new.wav"):
        make_labels(source, tmp_path / "out")


def test_a_recording_may_be_gone_for_a_while(source, tmp_path):
    out = tmp_path / "out"
    begin(source, out, 1)
    (part,) = out.glob(".part-*")
    gone = next(path for path in sorted(source.iterdir()) if path.name not in part.read_text())
    gone.rename(tmp_path / gone.name)
    begin(source, out, 0)
    (tmp_path / gone.name).rename(gone)
    make_labels(source, out)
    assert len(LabelFolder(out).names) == 3


@pytest.mark.filterwarnings("ignore:skipped")
def test_new_recordings_are_not_taken_for_damaged_ones(sounds, tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    damaged_copy(sounds[0], source)
    make_labels(source, out, SKIP)
    assert list(LabelFolder(out).damaged) == ["bad.flac"]
    assert "1 damaged recording left out" in make_labels(source, out, SKIP).summary
    write_sound(source / "new.wav", 9_000)
    with pytest.raises(DataError, match="holds labels without recording new.wav: give another"):
        make_labels(source, out, SKIP)
    (source / "new.wav").unlink()
    write_sound(source / "bad.flac", 8_000)
    with pytest.raises(DataError, match="holds labels without recording bad.flac: give another"):
        make_labels(source, out, SKIP)
    (source / "bad.flac").unlink()
    assert "left out" not in make_labels(source, out, SKIP).summary


def test_a_folder_that_noted_nothing_says_how_many_have_no_labels(source, tmp_path):
    out = tmp_path / "out"
    make_labels(source, out)
    facts = json.loads((out / "labels.json").read_text())
    del facts["damaged"], facts["audio"]
    (out / "labels.json").write_text(json.dumps(facts))
    write_sound(source / "new.wav", 9_000)
    os.utime(source / "00.wav")
    said = make_labels(source, out, SKIP).summary
    assert "3 recordings, " in said
    assert "1 recording without labels" in said
    assert "damaged" not in said
