"""Label folders: exact alignment, what is refused, and writing that can be interrupted."""

import pickle
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.errors import BadSampleError, DataError
from datamodules.labels.format import LabelFacts
from datamodules.labels.reading import LabelFolder
from datamodules.labels.writing import LabelWriter, join
from datamodules.recordings.recording import Recording
from datamodules.utterances.whole import RecordingData
from tests.samples.speech import write_sound

FILES = ("labels.json", "labels.km", "labels.tsv")
ODD_NAMES = ("a b.wav", "tab\there.wav", "é\udce9\u2028x.wav", "d.wav")


def facts(rate_hz=50, num_clusters=5, centroids="abc"):
    return LabelFacts(num_clusters, rate_hz, centroids, "mfcc")


def write(folder, labels, rank=0, **stated):
    writer = LabelWriter(folder, facts(**stated), rank)
    for name, ids in labels.items():
        writer.add(name, ids)
    writer.close()


def make_folder(folder, labels, **stated):
    write(folder, labels, **stated)
    join(folder, facts(**stated), list(labels))
    return folder


def contents(folder):
    assert sorted(path.name for path in folder.iterdir()) == list(FILES)
    return [(folder / name).read_bytes() for name in FILES]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Every label is the number of the 10 ms at which what it sees begins."""
    root = tmp_path_factory.mktemp("labels")
    num_samples = 400 + 160 * 75 + 99
    made = {}
    for rate_hz in (50, 100):
        hop = 16_000 // rate_hz
        starts = range(0, num_samples - 400 + 1, hop)
        ids = {"first.wav": [7] * 3, "a.wav": [start // 160 for start in starts]}
        made[rate_hz] = LabelFolder(
            make_folder(root / str(rate_hz), ids, rate_hz=rate_hz, num_clusters=99)
        )
        made[rate_hz].check([Recording(Path("a.wav"), num_samples, "a.wav")])
    return made


@pytest.mark.parametrize("rate_hz", [50, 100])
@given(first=st.integers(0, 37), num_frames=st.integers(1, 38))
def test_the_labels_of_a_crop_see_the_samples_of_its_frames(folders, rate_hz, first, num_frames):
    num_frames = min(num_frames, 38 - first)
    labels = folders[rate_hz].labels("a.wav", first, num_frames)
    sample_of_frames = [320 * (first + frame) for frame in range(num_frames)]
    assert (labels * 160).tolist() == sample_of_frames


@pytest.mark.parametrize("rate_hz", [50, 100])
def test_without_a_crop_all_frames_have_a_label(folders, rate_hz):
    assert len(folders[rate_hz].labels("a.wav")) == 38
    assert folders[rate_hz].count("a.wav") == {50: 38, 100: 76}[rate_hz]


@pytest.mark.parametrize(("first", "num_frames"), [(38, 1), (-1, 2), (30, 9)])
def test_frames_that_are_not_there_are_refused(folders, first, num_frames):
    with pytest.raises(DataError, match="a.wav in .* are of 38 frames"):
        folders[50].labels("a.wav", first, num_frames)


@pytest.mark.parametrize("rate_hz", [50, 100])
@given(num_samples=st.integers(400, 40_000))
def test_counts_at_both_rates_give_the_frames_of_the_model(rate_hz, num_samples):
    on_grid = -(-facts(rate_hz).count_for(num_samples) // (rate_hz // 50))
    assert on_grid == (num_samples - 400) // 320 + 1


def test_a_copy_for_a_loader_process_reads_the_same(folders):
    folders[50].labels("a.wav")  # its file is open
    copy = pickle.loads(pickle.dumps(folders[50]))
    assert copy.labels("a.wav").equal(folders[50].labels("a.wav"))


GAPS = st.sampled_from([" ", "  ", "\t", " \t "])
LINE_ENDS = st.sampled_from(["\n", " \n", "\r\n", "  \r\n"])


@given(
    lines=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), min_size=1, max_size=5),
    gap=GAPS,
    line_end=LINE_ENDS,
    chunk_bytes=st.integers(1, 9),
)
def test_labels_are_the_same_whatever_stands_between_them(
    tmp_path_factory, lines, gap, line_end, chunk_bytes
):
    folder = tmp_path_factory.mktemp("labels")
    labels = {f"{number}.wav": ids for number, ids in enumerate(lines)}
    make_folder(folder, labels)
    text = "".join(gap.join(map(str, ids)) + line_end for ids in lines)
    (folder / "labels.km").write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datamodules.labels.format.CHUNK_BYTES", chunk_bytes)
        read = LabelFolder(folder)
    assert [read.ids(name).tolist() for name in labels] == lines


def test_numbers_that_fit_nothing_are_refused(tmp_path):
    folder = make_folder(tmp_path, {"a.wav": [1, 2]})
    (folder / "labels.km").write_text("1 " + 30 * "9" + "\n")
    with pytest.raises(BadSampleError, match="are damaged"):
        LabelFolder(folder).ids("a.wav")
    (folder / "labels.tsv").write_text("a.wav\t" + 5_000 * "9" + "\n")
    with pytest.raises(DataError, match="must be `name<TAB>count`"):
        LabelFolder(folder)


def test_names_may_hold_what_file_names_may(tmp_path):
    labels = {name: [number] * 2 for number, name in enumerate(ODD_NAMES)}
    folder = LabelFolder(make_folder(tmp_path, labels))
    assert folder.names == list(ODD_NAMES)
    assert [folder.labels(name).tolist() for name in ODD_NAMES] == list(labels.values())


def test_a_name_with_a_line_break_is_refused(tmp_path):
    with pytest.raises(DataError, match="line break"):
        LabelWriter(tmp_path, facts()).add("a\nb.wav", [1])


def replace(folder, name, old, new):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "labels.km").unlink(), "with labels.km"),
        (lambda folder: (folder / "labels.tsv").unlink(), "with labels.tsv"),
        (lambda folder: (folder / "labels.json").unlink(), "with labels.json"),
        (lambda folder: (folder / "labels.km").write_text(""), "labels.km is empty"),
        (lambda folder: (folder / "labels.tsv").write_text(""), "labels.tsv is empty"),
        (lambda folder: (folder / "labels.json").write_text("{"), "num_clusters, rate_hz"),
        (lambda folder: (folder / "labels.json").write_text("[]"), "num_clusters, rate_hz"),
        (lambda folder: (folder / "labels.km").write_text("1 2 3\n4"), "labels.km is cut short"),
        (lambda folder: (folder / "labels.km").write_text("1 2 3\n"), "must have 2 lines"),
        (lambda folder: replace(folder, "labels.km", "1 2 3", "1 2"), "3 labels for a.wav"),
        (lambda folder: replace(folder, "labels.km", "1 2 3", ""), "3 labels for a.wav.* got 0"),
        (lambda folder: replace(folder, "labels.tsv", "b.wav\t2", "b.wav\tx"), "line 2 of"),
        (lambda folder: replace(folder, "labels.tsv", "b.wav", "a.wav"), "twice"),
        (lambda folder: replace(folder, "labels.json", "50", "25"), "must be 50 or 100, got 25"),
        (lambda folder: replace(folder, "labels.json", "5,", '"5",'), "num_clusters, rate_hz"),
    ],
)
def test_a_damaged_folder_is_named_when_it_is_opened(tmp_path, damage, message):
    folder = make_folder(tmp_path / "labels", {"a.wav": [1, 2, 3], "b.wav": [0, 4]})
    damage(folder)
    with pytest.raises(DataError, match=message) as caught:
        LabelFolder(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (Recording(Path("x"), 1_040, "c.wav"), "must have labels of recording c.wav"),
        (Recording(Path("x"), 1_360, "a.wav"), "a.wav .* must be 4, for 1360 samples .* got 3"),
        (Recording(Path("x"), 1_039, "a.wav"), "a.wav .* must be 2, for 1039 samples .* got 3"),
        (Recording(Path("x"), 720, "high.wav"), "high.wav .* must be from 0 to 4, got 5"),
        (Recording(Path("x"), 720, "odd.wav"), "odd.wav .* are damaged"),
    ],
)
def test_labels_that_do_not_match_the_audio_are_named(tmp_path, recording, message):
    labels = {"a.wav": [1, 2, 3], "high.wav": [0, 5], "odd.wav": [3, 3]}
    folder = make_folder(tmp_path / "labels", labels)
    replace(folder, "labels.km", "3 3", "3 x")
    opened = LabelFolder(folder)
    opened.check([Recording(Path("x"), 1_040, "a.wav")])
    with pytest.raises(DataError, match=message):
        opened.check([Recording(Path("x"), 1_040, "a.wav"), recording])


def test_damaged_labels_are_a_bad_sample_when_they_are_read(tmp_path):
    folder = LabelFolder(make_folder(tmp_path, {"a.wav": [1, 5]}))
    with pytest.raises(BadSampleError, match="a.wav"):
        folder.labels("a.wav")


LABELS = {f"{number:02}.wav": [number % 5] * (number + 1) for number in range(9)}


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


def test_a_name_that_no_label_file_can_hold_stops_before_anything_is_labelled(tmp_path):
    for name in ("a.wav", "b\nc.wav"):
        write_sound(tmp_path / "sounds" / name, 4_000)
    data = RecordingData(str(tmp_path / "sounds"))
    with pytest.raises(DataError, match=r"must have no line break, 'b\\nc.wav'"):
        data.open_labels(str(tmp_path / "labels"), 0, **asdict(facts()))
    assert not (tmp_path / "labels").exists()
