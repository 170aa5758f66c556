"""Labels of others, as fairseq's files and as tables: read, checked, and used like ours."""

import pickle
from pathlib import Path

import datasets
import numpy as np
import pytest

from datamodules.bad_samples import BadSamples
from datamodules.errors import BadSampleError, DataError
from datamodules.labels.opening import open_labels
from datamodules.recordings.listing import list_recordings
from datamodules.recordings.recording import Recording
from datamodules.utterances.pretraining import PretrainingSpeech
from tests.samples.recordings.speech import NUM_CLUSTERS, write_labels, write_sounds

SAMPLES = {"sub/a.wav": 1_360, "sub/b.wav": 2_000, "c.wav": 8_123}


def frames(num_samples, rate_hz=50):
    return (num_samples - 400) // (16_000 // rate_hz) + 1


def labels_of(samples, rate_hz=50, more=0):
    """Frame j of recording n has the label (j + n) % clusters, as `write_labels` has it."""
    return {
        name: [(j + n) % NUM_CLUSTERS for j in range(frames(count, rate_hz) + more)]
        for n, (name, count) in enumerate(samples.items())
    }


def write_fairseq(folder, samples=SAMPLES, split="train", **kinds):
    folder.mkdir(exist_ok=True)
    listed = [f"{name}\t{count}\n" for name, count in samples.items()]
    (folder / f"{split}.tsv").write_text("".join(["/elsewhere\n", *listed]))
    lines = [" ".join(map(str, ids)) + "\n" for ids in labels_of(samples, **kinds).values()]
    (folder / f"{split}.km").write_text("".join(lines))
    (folder / "dict.km.txt").write_text("".join(f"{n} 1\n" for n in range(NUM_CLUSTERS)))
    return str(folder / f"{split}.km")


def as_lists(labels):
    return {"id": [Path(name).stem for name in labels], "labels": list(labels.values())}


def as_text(labels):
    return {"file": list(labels), "units": [" ".join(map(str, i)) for i in labels.values()]}


def write_parquet(folder, columns):
    folder.mkdir(exist_ok=True)
    datasets.Dataset.from_dict(columns).to_parquet(folder / "labels[1].parquet")
    return str(folder / "labels[1].parquet")


def write_saved(folder, columns):
    datasets.Dataset.from_dict(columns).save_to_disk(folder / "saved")
    return str(folder / "saved")


def write_arrow(folder, columns):
    (file,) = Path(write_saved(folder, columns)).glob("*.arrow")
    return str(file)


def recordings(samples=SAMPLES):
    return [Recording(Path(name), count, name) for name, count in samples.items()]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.mark.parametrize("rate_hz", [50, 100])
def test_files_of_fairseq_say_what_ours_say(tmp_path, rate_hz):
    write_labels(tmp_path / "ours", SAMPLES, rate_hz)
    ours = open_labels(str(tmp_path / "ours"))
    theirs = open_labels(write_fairseq(tmp_path / "theirs", rate_hz=rate_hz))
    theirs.check(recordings())
    assert (theirs.facts.num_clusters, theirs.facts.rate_hz) == (NUM_CLUSTERS, rate_hz)
    assert theirs.facts.centroids is None
    copy = pickle.loads(pickle.dumps(theirs))
    for name in SAMPLES:
        assert copy.ids(name).tolist() == ours.ids(name).tolist()
        assert copy.labels(name, 1, 2).tolist() == ours.labels(name, 1, 2).tolist()


@pytest.mark.parametrize("write", [write_parquet, write_saved, write_arrow])
@pytest.mark.parametrize("columns", [as_lists, as_text])
def test_a_table_says_what_our_files_say(tmp_path, write, columns):
    expected = labels_of(SAMPLES)
    labels = open_labels(write(tmp_path / "table", columns(expected)), num_clusters=NUM_CLUSTERS)
    labels.check(recordings())
    copy = pickle.loads(pickle.dumps(labels))
    assert {name: copy.ids(name).tolist() for name in SAMPLES} == expected
    assert [copy.count(name) for name in SAMPLES] == [4, 6, 25]


def test_a_table_on_the_hub_is_loaded_by_its_name(tmp_path, monkeypatch):
    asked = []

    def load_dataset(*names, **options):
        asked.append((*names, options))
        return datasets.Dataset.from_dict(as_lists(labels_of(SAMPLES)))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    labels = open_labels("owner/labels:layer9:train", num_clusters=NUM_CLUSTERS)
    assert asked == [("owner/labels", {"name": "layer9", "split": "train"})]
    labels.check(recordings())


@pytest.mark.parametrize("more", [-1, 1])
@pytest.mark.parametrize("rate_hz", [50, 100])
def test_a_frame_more_or_less_is_usual_and_counted(tmp_path, more, rate_hz):
    off = more * rate_hz // 50
    labels = open_labels(write_fairseq(tmp_path, rate_hz=rate_hz, more=off))
    with pytest.warns(UserWarning, match="3 of 3 recordings have a few labels more or less"):
        labels.check(recordings())
    for name, count in SAMPLES.items():
        on_grid = labels.ids(name)[:: rate_hz // 50].tolist()
        expected = [*on_grid, on_grid[-1]][: frames(count)]
        assert labels.labels(name, 0, frames(count)).tolist() == expected


@pytest.mark.parametrize(
    ("kind", "columns"), [("torch", None), ("numpy", None), ("torch", ["labels"])]
)
def test_a_saved_folder_is_read_whatever_format_its_writer_gave_it(tmp_path, kind, columns):
    expected = labels_of(SAMPLES)
    rows = datasets.Dataset.from_dict(as_lists(expected))
    rows.set_format(kind, columns)
    rows.save_to_disk(tmp_path / "saved")
    labels = open_labels(str(tmp_path / "saved"), num_clusters=NUM_CLUSTERS)
    assert {name: labels.ids(name).tolist() for name in SAMPLES} == expected


def test_more_than_a_frame_is_refused(tmp_path):
    labels = open_labels(write_fairseq(tmp_path, more=2), rate_hz=50)
    with pytest.raises(DataError, match=r"a.wav .* must be 4 \(give or take 1\), .* got 6$"):
        labels.check(recordings())


def test_the_rate_that_would_fit_is_named(tmp_path):
    table = write_parquet(tmp_path, as_lists(labels_of(SAMPLES, 100)))
    with pytest.raises(DataError, match="`label_rate_hz` must be 100 for .*, got 50"):
        open_labels(table, num_clusters=NUM_CLUSTERS).check(recordings())
    open_labels(table, num_clusters=NUM_CLUSTERS, rate_hz=100).check(recordings())


def test_utterances_without_labels_are_named_and_counted(tmp_path):
    labels = open_labels(write_fairseq(tmp_path))
    others = recordings({"x.wav": 1_360, "y.wav": 1_360, "c.wav": 8_123})
    with pytest.raises(DataError, match="of recording x.wav, and of 1 other that has none"):
        labels.check(others)


def test_two_recordings_never_share_their_labels(tmp_path):
    labels = open_labels(write_fairseq(tmp_path))
    with pytest.raises(DataError, match=r"where c.wav and other/c.wav are two"):
        labels.check(recordings({"c.wav": 8_123, "other/c.wav": 8_123}))
    samples = {"one/a.wav": 1_360, "two/a.wav": 1_360}
    with pytest.raises(DataError, match="must have labels of recording a.wav"):
        open_labels(write_fairseq(tmp_path / "twice", samples)).check(recordings({"a.wav": 1_360}))


def test_other_audio_than_the_labelled_one_is_refused(tmp_path):
    labels = open_labels(write_fairseq(tmp_path))
    with pytest.raises(DataError, match="c.wav .* must be of the same audio, 8123 samples .* 8124"):
        labels.check(recordings({"c.wav": 8_124}))


def test_labels_that_are_no_clusters_are_named(tmp_path):
    columns = as_lists({"a": [0, 9], "b": [0, -1]}) | {"id": ["a", "b"]}
    labels = open_labels(write_parquet(tmp_path, columns), num_clusters=9)
    for name, wrong in (("a", "9"), ("b", "-1")):
        with pytest.raises(BadSampleError, match=f"{name} in .* from 0 to 8, got {wrong}"):
            labels.ids(name)


def test_a_label_that_is_missing_in_a_list_is_named(tmp_path):
    columns = as_lists({"a": [0, None, 1]})
    labels = open_labels(write_parquet(tmp_path, columns), num_clusters=9)
    with pytest.raises(BadSampleError, match="labels of recording a in .* are damaged"):
        labels.ids("a")


def change(name, text):
    return lambda folder: (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("damage", "given", "message"),
    [
        (lambda folder: (folder / "train.tsv").unlink(), {}, "manifest beside it, .*train.tsv"),
        (lambda folder: (folder / "train.km").unlink(), {}, "train.km does not exist"),
        (lambda folder: (folder / "dict.km.txt").unlink(), {}, "`num_clusters` must be given"),
        (change("dict.km.txt", ""), {}, "dict.km.txt is empty"),
        (change("dict.km.txt", "0 1\n2 1\n"), {}, "for every label from 0 on"),
        (change("dict.km.txt", "a 1\n"), {}, "for every label from 0 on"),
        (change("train.km", "1 2 3\n"), {}, "must have 3 lines, .* of train.tsv, got 1"),
        (change("train.km", "1\n2\n3\n"), {}, "50 or 100 labels for a second"),
        (change("train.km", "1 2\n3"), {}, "cut short"),
        (change("train.tsv", "/\na.wav\n"), {}, "line 2 of .* must be `name<TAB>count`"),
        (change("train.tsv", "/\n" + 3 * "a.wav\t4000\n"), {}, "names a recording twice"),
        (lambda folder: None, {"num_clusters": 8}, "`num_clusters` must be 7, as .*dict.km.txt"),
        (lambda folder: None, {"rate_hz": 100}, "`label_rate_hz` must be 50 for .* got 100"),
        (lambda folder: None, {"rate_hz": 25}, "`label_rate_hz` must be 50 or 100, got 25"),
        (lambda folder: None, {"num_clusters": 0}, "`num_clusters` must be at least 1, got 0"),
    ],
)
def test_what_is_wrong_with_files_of_fairseq_is_one_sentence(tmp_path, damage, given, message):
    path = write_fairseq(tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        open_labels(path, **given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "given", "message"),
    [
        ({"id": ["a"], "labels": [[1]]}, {}, "`num_clusters` must be given for the table"),
        ({"text": ["a"], "labels": [[1]]}, {"num_clusters": 7}, "a column of names, one of name,"),
        ({"id": ["a"], "text": ["b"]}, {"num_clusters": 7}, "column of labels, .* got id, text"),
        ({"id": ["a"], "labels": [0.5]}, {"num_clusters": 7}, "lists of whole numbers, .* double"),
        ({"id": ["a"], "labels": [[0.5]]}, {"num_clusters": 7}, "lists of whole numbers"),
        ({"id": ["a", "a"], "labels": [[1], [2]]}, {"num_clusters": 7}, "a recording twice"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_sentence(tmp_path, columns, given, message):
    with pytest.raises(DataError, match=message):
        open_labels(write_parquet(tmp_path, columns), **given)


def test_a_table_that_is_not_there_or_no_table_is_named(tmp_path):
    (tmp_path / "no.parquet").write_text("none")
    for name in ("absent.parquet", "no.parquet"):
        with pytest.raises(DataError, match=f"`labels` .*{name}"):
            open_labels(str(tmp_path / name), num_clusters=7)
    for name in ("absent.arrow", "absent.PARQUET"):  # of the folder that the command is run in
        with pytest.raises(DataError, match=f"`labels` file {name} does not exist"):
            open_labels(name, num_clusters=7)


def test_a_manifest_of_fairseq_is_read_as_recordings_are_listed_by_it(tmp_path):
    path = write_fairseq(tmp_path)
    manifest = Path(path).with_suffix(".tsv")
    expected = list_recordings(str(manifest), "manifest", BadSamples("stop"))
    manifest.write_bytes(manifest.read_bytes().replace(b"\n", b"\t\r\n"))
    assert list_recordings(str(manifest), "manifest", BadSamples("stop")) == expected
    open_labels(path).check(expected)


def test_a_folder_of_fairseq_asks_for_the_split(tmp_path):
    write_fairseq(tmp_path)
    write_fairseq(tmp_path, split="valid")
    with pytest.raises(DataError, match="one file of fairseq's, one of train.km, valid.km in it"):
        open_labels(str(tmp_path))


def test_our_own_facts_are_not_overruled(tmp_path):
    write_labels(tmp_path / "ours", SAMPLES)
    assert open_labels(str(tmp_path / "ours"), NUM_CLUSTERS, 50).facts.centroids == "abc"
    with pytest.raises(DataError, match="`label_rate_hz` must be 50, as .*labels.json says"):
        open_labels(str(tmp_path / "ours"), rate_hz=100)


def speech(folder, labels, **settings):
    given = {"min_seconds": 0.3, "batch_seconds": 2.0, "num_workers": 0, "seed": 3}
    return PretrainingSpeech(str(folder / "sounds"), labels, **given | settings)


def test_batches_have_the_same_labels_from_whatever_files_they_come(tmp_path):
    samples = write_sounds(tmp_path / "sounds", 9)
    write_labels(tmp_path / "ours", samples)
    fairseq = write_fairseq(tmp_path / "theirs", samples)
    table = write_parquet(tmp_path / "table", as_text(labels_of(samples)))
    kinds = [
        speech(tmp_path, str(tmp_path / "ours")),
        speech(tmp_path, fairseq),
        speech(tmp_path, table, num_clusters=NUM_CLUSTERS),
    ]
    assert {data.num_classes for data in kinds} == {NUM_CLUSTERS}
    batches = [[batch["labels"] for batch in data.train_dataloader()] for data in kinds]
    assert len(batches[0]) > 1
    for others in batches[1:]:
        assert all(np.array_equal(*pair) for pair in zip(batches[0], others, strict=True))


def test_labels_for_validation_have_as_many_clusters(tmp_path):
    samples = write_sounds(tmp_path / "sounds", 3)
    train = write_fairseq(tmp_path / "theirs", samples)
    other = write_fairseq(tmp_path / "other", samples)
    (tmp_path / "other/dict.km.txt").write_text("".join(f"{n} 1\n" for n in range(9)))
    data = speech(tmp_path, train, val_source=str(tmp_path / "sounds"), val_labels=other)
    with pytest.raises(DataError, match="`val_labels` must be of 7 clusters as `labels` is, got 9"):
        data.setup("fit")
