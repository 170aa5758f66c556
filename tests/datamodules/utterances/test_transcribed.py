"""Recordings with transcripts: which are used, and what is said of the others."""

import pickle
import shutil
from dataclasses import replace

import pytest
import torch

from datamodules.batching.orders import BatchDraw
from datamodules.batching.reading import SampleSet
from datamodules.errors import DataError
from datamodules.geometry import frames_for_samples
from datamodules.recordings.transcripts import read_transcripts
from tests.samples.recordings.transcribed import TEXTS, speech, write_corpus


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus")


def test_files_that_are_trained_on_and_evaluated_with_are_named(corpus, tmp_path):
    for setting in ("val_source", "test_source"):
        with pytest.warns(UserWarning, match=f"`{setting}` .* has 12 files that `source` .* too"):
            speech(corpus, **{setting: str(corpus)}).setup("fit")
    apart = write_corpus(tmp_path / "apart")
    speech(corpus, val_source=str(apart), test_source=str(apart)).setup("fit")


def test_a_link_that_leads_to_itself_stops_no_training_where_it_is_skipped(corpus, tmp_path):
    apart = write_corpus(tmp_path / "apart")
    (apart / "gone.wav").symlink_to("gone.wav")
    with pytest.warns(UserWarning, match="skipped: .*gone.wav"):
        speech(corpus, val_source=str(apart), on_bad_sample="skip").setup("fit")
    speech(corpus, test_source=str(apart)).setup("fit")


@pytest.fixture
def lists(tmp_path):
    """Write manifests of two corpora with equal names, and the transcripts of the first one."""
    (tmp_path / "lists").mkdir()
    for split in ("val", "train"):
        folder = write_corpus(tmp_path / split)
        lines = "".join(f"{number:02d}.wav\t8000\n" for number in range(12))
        (tmp_path / f"lists/{split}.tsv").write_text(f"../{split}\n{lines}")
    shutil.copy(folder / "transcripts.tsv", tmp_path / "lists")
    return tmp_path / "lists"


@pytest.mark.parametrize(
    ("setting", "stage"),
    [("val_source", "fit"), ("val_source", "validate"), ("test_source", "test")],
)
def test_transcripts_of_another_recording_of_the_same_name_are_refused(lists, setting, stage):
    sentence = (
        f"`{setting}` .*val.tsv must have transcripts in a folder of its own, because .*val/00.wav "
        "has the name of .*train/00.wav of `source`, which is another recording$"
    )
    with pytest.raises(DataError, match=sentence):
        speech(lists / "train.tsv", **{setting: str(lists / "val.tsv")}).setup(stage)


def test_a_table_may_serve_two_manifests_of_the_same_recordings(lists):
    same = (lists / "train.tsv").read_text()
    (lists / "val.tsv").write_text(same)
    speech(lists / "train.tsv", val_source=str(lists / "val.tsv")).setup("validate")
    (lists / "train.tsv").unlink()  # where only testing is wanted
    speech(lists / "train.tsv", test_source=str(lists / "val.tsv")).setup("test")


def test_a_link_to_another_table_says_that_both_have_the_same_texts(lists, tmp_path):
    (tmp_path / "own").mkdir()
    shutil.copy(lists / "val.tsv", tmp_path / "own")
    (tmp_path / "own/transcripts.tsv").symlink_to(lists / "transcripts.tsv")
    speech(lists / "train.tsv", val_source=str(tmp_path / "own/val.tsv")).setup("fit")


def test_the_reader_can_be_sent_to_loader_processes(corpus):
    reader = speech(corpus).train_reader
    copy = pickle.loads(pickle.dumps(reader))
    draw = BatchDraw((5,), 0, 30, 30)
    first, second = (
        SampleSet(one, range(12), 0)[replace(draw, longest=reader.lengths[5])]
        for one in (reader, copy)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.torchaudio
def test_sounds_of_another_rate_are_resampled(tmp_path):
    folder = write_corpus(tmp_path / "corpus", rate_hz=8_000)
    data = speech(folder, val_source=str(folder))
    assert data.train_reader.lengths[0] == frames_for_samples(8_000)
    assert sum(len(batch["index"]) for batch in data.val_dataloader()) == 12


def test_unusable_recordings_are_left_out_of_training_alone(corpus):
    table = corpus / "transcripts.tsv"
    table.write_text(table.read_text().replace("03.wav\tIT'S FOUR", "03.wav\t" + "AA " * 30))
    data = speech(corpus, val_source=str(corpus), max_seconds=0.75, min_seconds=0.51)
    message = (
        "4 of 12 recordings of .* are left out of training: 2 longer than `max_seconds` 0.75, "
        "1 shorter than `min_seconds` 0.51, 1 with more letters than frames"
    )
    with pytest.warns(UserWarning, match=message):
        loader = data.train_dataloader()
    assert sum(len(batch["index"]) for batch in loader) == 8
    assert sum(len(batch["index"]) for batch in data.val_dataloader()) == 12
    with pytest.raises(DataError, match="all 12 recordings of .* left out of training: 11 shorter"):
        speech(corpus, val_source=str(corpus), min_seconds=2.0).train_dataloader()


def test_what_is_missing_is_named_before_training(corpus, tmp_path):
    table = corpus / "transcripts.tsv"
    whole = table.read_text()
    table.write_text(whole.replace("07.wav", "7.wav"))
    with pytest.raises(DataError, match="1 of 12 have none, the first is 07.wav"):
        speech(corpus).setup("fit")
    table.write_text(whole.replace("04.wav\tONE", "04.wav\tONE 1"))
    with pytest.raises(DataError, match="`alphabet` must have .*, 04.wav has '1'"):
        speech(corpus).setup("fit")
    table.unlink()
    with pytest.raises(DataError, match="must have its transcripts in .*transcripts.tsv"):
        speech(corpus).setup("fit")
    good = write_corpus(tmp_path / "good")
    with pytest.raises(DataError, match="must have its transcripts in"):
        speech(good, val_source=str(corpus)).setup("fit")


def test_a_table_may_have_a_byte_order_mark_blank_lines_and_windows_ends(corpus):
    table = corpus / "transcripts.tsv"
    lines = table.read_text().splitlines()
    table.write_bytes(("\ufeff" + "\r\n\r\n".join(lines) + "\r\n\r\n").encode())
    texts = read_transcripts(str(corpus), "auto")
    assert texts == dict(line.split("\t") for line in lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"00.wav\tONE\n01.wav TWO\n", "line 2 of .*tsv must be `name<TAB>text`, got '01.wav TWO'"),
        (b"00.wav\tONE\n\n\tTWO\n", "line 3 of .*tsv must be `name<TAB>text`"),
        (b"00.wav\tONE\n00.wav\tTWO\n", "line 2 of .* must name a recording of its own, got 00"),
        (b"00.wav\t\xff\xfe\n", "transcripts.tsv cannot be read: it is no text in UTF-8"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(corpus, content, message):
    (corpus / "transcripts.tsv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_transcripts(str(corpus), "folder")


def test_the_transcripts_of_a_manifest_lie_beside_it(corpus, tmp_path):
    manifest = tmp_path / "train.tsv"
    manifest.write_text("corpus\n00.wav\t8000\n02.wav\t12410\n")
    (tmp_path / "transcripts.tsv").write_text("00.wav\tFIRST\n02.wav\tSECOND\n")
    data = speech(manifest, val_source=str(manifest))
    assert [data.reference("train", index) for index in range(2)] == ["FIRST", "SECOND"]
    assert [len(batch["index"]) for batch in data.val_dataloader()] == [2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask_probability": 1.0}, "`mask_probability` must be at least 0 and below 1"),
        ({"min_seconds": -1.0}, "`min_seconds` must be at least 0"),
        ({"min_seconds": 3.0, "max_seconds": 2.0}, "`max_seconds` must be at least 3.0"),
        ({"download": ["dev-clean"]}, "`download` needs `layout` librispeech, got auto"),
        ({"download": ["tiny"], "layout": "librispeech"}, "`download` must be one of dev-clean"),
        ({"layout": "tar"}, "`layout` must be one of auto, datasets, folder"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(DataError, match=message):
        speech("x", **settings)


def test_a_data_set_of_datasets_has_its_transcripts_in_a_column(corpus, tmp_path, monkeypatch):
    import datasets

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = sorted(corpus.glob("*.wav"))
    rows = {
        "audio": [{"bytes": path.read_bytes(), "path": path.name} for path in files],
        "sentence": [TEXTS[number % 4].lower() for number in range(12)],
    }
    table = datasets.Dataset.from_dict(rows).cast_column("audio", datasets.Audio())
    table.save_to_disk(tmp_path / "saved")
    plain = speech(corpus, val_source=str(corpus))
    data = speech(
        tmp_path / "saved",
        val_source=str(tmp_path / "saved"),
        layout="datasets",
        num_workers=2,
    )
    pairs = zip(plain.train_dataloader(), data.train_dataloader(), strict=True)
    for batch, other in pairs:
        assert all(torch.equal(batch[name], other[name]) for name in batch)
