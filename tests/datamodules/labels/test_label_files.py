"""Label folders: exact alignment, and what is refused."""

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamodules.errors import BadSampleError, DataError
from datamodules.labels.reading import LabelFolder
from datamodules.labels.writing import LabelWriter
from datamodules.recordings.recording import Recording
from tests.samples.labels.folders import facts, make_folder

ODD_NAMES = ("a b.wav", "tab\there.wav", "é\udce9\u2028x.wav", "d.wav")


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
