"""Labels are written by several processes, and go on where they were interrupted."""

import os
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from datamodules.errors import DataError
from datamodules.labels.reading import LabelFolder
from datamodules.labels.writing import LabelWriter, join
from datamodules.utterances.whole import RecordingData
from tests.samples.labels.folders import facts, make_folder, write
from tests.samples.recordings.speech import write_sound

FILES = ("labels.json", "labels.km", "labels.tsv")
LABELS = {f"{number:02}.wav": [number % 5] * (number + 1) for number in range(9)}


def contents(folder):
    assert sorted(path.name for path in folder.iterdir()) == list(FILES)
    return [(folder / name).read_bytes() for name in FILES]


def test_the_parts_of_two_processes_join_to_the_files_of_one(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    make_folder(one, LABELS)
    names = list(LABELS)
    write(two, {name: LABELS[name] for name in reversed(names[::2])}, rank=0)
    write(two, {name: LABELS[name] for name in names[1::2]}, rank=1)
    join(two, facts(), names)
    assert contents(one) == contents(two)
    assert LabelFolder(two).names == names


@pytest.mark.parametrize("lost_bytes", [1, 2, 9, 40, 95, 150, 10_000])
def test_a_run_that_was_killed_ends_with_the_files_of_one_that_was_not(tmp_path, lost_bytes):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    make_folder(whole, LABELS)
    write(killed, dict(list(LABELS.items())[:6]))
    (part,) = killed.iterdir()
    kept = part.read_bytes()[:-lost_bytes]
    part.write_bytes(kept)
    writer = LabelWriter(killed, facts())
    assert writer.done == {name for name in LABELS if f"{name}\t".encode() in kept} - {
        line.split(b"\t")[0].decode() for line in [kept.rpartition(b"\n")[2]]
    }
    for name in LABELS.keys() - writer.done:
        writer.add(name, LABELS[name])
    writer.close()
    join(killed, facts(), list(LABELS))
    assert contents(killed) == contents(whole)


def test_more_processes_than_before_know_what_was_done(tmp_path):
    write(tmp_path, {"a.wav": [1]}, rank=3)
    (part,) = tmp_path.iterdir()
    part.write_bytes(part.read_bytes() + b"b.wav\t1 2")  # torn, of a process that is no more
    assert LabelWriter(tmp_path, facts(), rank=0).done == {"a.wav"}
    assert LabelWriter(tmp_path, facts(), rank=1).done == {"a.wav"}


def test_unfinished_labels_of_another_kmeans_are_refused(tmp_path):
    write(tmp_path, {"a.wav": [1]})
    with pytest.raises(DataError, match="other facts.*abc.*got.*xyz.*another `folder`"):
        LabelWriter(tmp_path, facts(centroids="xyz"))


def test_a_recording_that_was_not_labelled_is_named_and_the_rest_kept(tmp_path):
    write(tmp_path, {"a.wav": [1]})
    with pytest.raises(DataError, match="no labels yet of 1 of 2 recordings, such as b.wav"):
        join(tmp_path, facts(), ["a.wav", "b.wav"])
    write(tmp_path, {"b.wav": [2]})
    join(tmp_path, facts(), ["a.wav", "b.wav"])
    assert LabelFolder(tmp_path).names == ["a.wav", "b.wav"]


def test_damaged_recordings_are_left_out_and_tried_again(tmp_path):
    write(tmp_path, {"a.wav": [1], "b.wav": []}, rank=0)
    writer = LabelWriter(tmp_path, facts(), rank=1)
    assert writer.done == {"a.wav"}
    writer.add("b.wav", [])
    writer.add("c.wav", [])
    writer.close()
    write(tmp_path, {"c.wav": [4]}, rank=0)
    join(tmp_path, facts(), ["a.wav", "b.wav", "c.wav"])
    folder = LabelFolder(tmp_path)
    assert folder.names == ["a.wav", "c.wav"]
    assert "b.wav" not in folder
    write(tmp_path, {"b.wav": []})
    with pytest.raises(DataError, match="got 1 damaged"):
        join(tmp_path, facts(), ["b.wav"])


def test_a_copy_with_other_times_on_another_machine_is_the_same_audio(tmp_path):
    stamps = []

    def told(own):
        stamps.append(own)
        return stamps[0]

    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(broadcast=told))
    for rank, copy in enumerate(("one", "two")):
        write_sound(tmp_path / copy / "a.wav", 4_000)
        os.utime(tmp_path / copy / "a.wav", (rank, rank))
        data = RecordingData(str(tmp_path / copy))
        data.trainer = trainer
        writer = data.open_labels(str(tmp_path / "labels"), rank, **asdict(facts()))
        assert writer is not None
        writer.close()
    assert stamps[0] != stamps[1]


def test_a_name_that_no_label_file_can_hold_stops_before_anything_is_labelled(tmp_path):
    for name in ("a.wav", "b\nc.wav"):
        write_sound(tmp_path / "sounds" / name, 4_000)
    data = RecordingData(str(tmp_path / "sounds"))
    with pytest.raises(DataError, match=r"must have no line break, 'b\\nc.wav'"):
        data.open_labels(str(tmp_path / "labels"), 0, **asdict(facts()))
    assert not (tmp_path / "labels").exists()
