import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.bad_samples import BadSamples
from datamodules.batching.orders import BatchDraw, Processes
from datamodules.batching.reading import SampleSet
from datamodules.batching.seconds_batches import TrainingBatches
from datamodules.errors import DataError
from datamodules.geometry import frames_for_samples, samples_for_frames
from datamodules.recordings.recording import Recording
from datamodules.recordings.transcripts import read_transcripts
from datamodules.utterances.alphabet import LETTERS
from datamodules.utterances.transcribed import TranscribedReader
from tests.samples.transcribed import speech, write_sound

TEXTS = ("ONE", "TWO TWO", "THREE", "IT'S FOUR")


def write_corpus(folder, count=12, rate_hz=16_000):
    """Write sounds from 0.5 s on, each of its own length, and their transcripts."""
    lines = []
    for number in range(count):
        name = f"{number:02d}.wav"
        write_sound(
            folder / name, (8_000 + 441 * (number * 5 % count)) * rate_hz // 16_000, rate_hz
        )
        lines.append(f"{name}\t{TEXTS[number % len(TEXTS)]}\n")
    (folder / "transcripts.tsv").write_text("".join(lines))
    return folder


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus")


def decode_labels(labels):
    text = "".join(LETTERS[label] for label in labels.tolist() if label >= 0)
    return text.replace("|", " ").strip()


def test_batches_are_padded_and_labels_belong_to_their_sounds(corpus):
    data = speech(corpus, val_source=str(corpus), mask_probability=0.5)
    assert data.alphabet == list(LETTERS)
    assert data.num_classes == 29
    seen = []
    for batch in data.train_dataloader():
        longest = batch["input_values"].shape[1]
        lengths = batch.get("attention_mask", torch.ones_like(batch["input_values"])).sum(1)
        assert batch["labels"].dtype == batch["index"].dtype == torch.int64
        for row, index in enumerate(batch["index"].tolist()):
            whole = samples_for_frames(data.train_reader.lengths[index])
            assert lengths[row] == whole
            assert bool((batch["input_values"][row, whole:] == 0).all())
            assert decode_labels(batch["labels"][row]) == data.reference("train", index)
            seen.append(index)
        assert batch["mask_time_indices"].shape[1] == frames_for_samples(longest)
    assert sorted(seen) == list(range(12))
    assert data.reference("train", 1) == "TWO TWO"


def test_where_all_of_a_batch_is_damaged_another_utterance_takes_its_place(corpus):
    reader = speech(corpus, on_bad_sample="skip").train_reader
    damaged = reader.recordings[5].path
    damaged.write_bytes(damaged.read_bytes()[:2_000])
    frames = reader.lengths[5]
    utterances = SampleSet(reader, range(12), 0, when_empty="another")
    with pytest.warns(UserWarning, match=damaged.name):
        batch = utterances[BatchDraw((5,), 0, frames - 60, frames)]
    (index,) = batch["index"].tolist()
    assert index != 5
    assert frames - 60 <= reader.lengths[index] <= frames
    whole = samples_for_frames(reader.lengths[index])
    assert int(batch["attention_mask"].sum()) == whole < batch["input_values"].shape[1]
    with pytest.raises(
        DataError, match="every one of 1 sample of a batch is damaged, and there is"
    ):
        utterances[BatchDraw((5,), 0, frames, frames)]


def test_files_that_are_trained_on_and_evaluated_with_are_named(corpus, tmp_path):
    for setting in ("val_source", "test_source"):
        with pytest.warns(UserWarning, match=f"`{setting}` .* has 12 files that `source` .* too"):
            speech(corpus, **{setting: str(corpus)}).setup("fit")
    apart = write_corpus(tmp_path / "apart")
    speech(corpus, val_source=str(apart), test_source=str(apart)).setup("fit")


def test_there_is_an_attention_mask_only_where_something_is_padded(tmp_path):
    for number in range(3):
        write_sound(tmp_path / f"{number}.wav", 8_000 + number)  # all have the same whole frames
    (tmp_path / "transcripts.tsv").write_text("0.wav\tA\n1.wav\tB\n2.wav\tC\n")
    (batch,) = speech(tmp_path, val_source=str(tmp_path)).val_dataloader()
    assert "attention_mask" not in batch
    assert batch["input_values"].shape == (3, samples_for_frames(24))


def test_evaluation_hides_nothing_even_of_held_out_training_recordings(corpus):
    data = speech(corpus, hold_out_fraction=0.3)
    trained = list(data.train_dataloader())
    held_out = list(data.val_dataloader())
    assert all("mask_time_indices" in batch for batch in trained)
    assert not any("mask_time_indices" in batch for batch in held_out)
    indices = [index for batch in trained + held_out for index in batch["index"].tolist()]
    assert sorted(indices) == list(range(12))
    silent = speech(corpus, mask_probability=0.0).train_dataloader()
    assert not any("mask_time_indices" in batch for batch in silent)


@settings(deadline=None)  # decoding and masking of long recordings, on a busy machine
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5), st.floats(0.1, 0.95))
def test_masks_are_never_on_padding_and_everywhere_else(frames, probability):
    recordings = [Recording(Path("x"), samples_for_frames(count), f"{count}") for count in frames]
    reader = TranscribedReader(
        recordings, [""] * len(frames), LETTERS, probability, BadSamples("stop")
    )
    draw = BatchDraw(tuple(range(len(frames))), 0, min(frames), max(frames))
    generator = torch.Generator().manual_seed(sum(frames))
    reader_samples = []
    for index, count in enumerate(frames):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "datamodules.utterances.uncropped.decode", lambda _, samples: torch.ones(samples)
            )
            reader_samples.append(reader.read(index, draw, generator))
        assert len(reader_samples[-1]["mask_time_indices"]) == count
    batch = reader.collate(reader_samples, draw)
    for row, count in enumerate(frames):
        mask = batch["mask_time_indices"][row]
        assert not bool(mask[count:].any())
        assert bool(mask[:count].any())


def test_shares_of_processes_are_padded_to_the_longest_of_all(corpus):
    reader = speech(corpus).train_reader
    whole = SampleSet(reader, range(12), seed=3)
    alone = TrainingBatches(reader.lengths, 250, seed=1)
    shares = [TrainingBatches(reader.lengths, 250, 1, Processes(2, rank)) for rank in range(2)]
    for draw, *parts in zip(alone, *shares, strict=True):
        together = whole[draw]
        for part in (whole[part] for part in parts):
            rows = [together["index"].tolist().index(index) for index in part["index"].tolist()]
            assert torch.equal(part["input_values"], together["input_values"][rows])
            assert torch.equal(part["mask_time_indices"], together["mask_time_indices"][rows])


def test_masks_depend_on_the_epoch_and_no_number_of_workers_changes_a_batch(corpus):
    loaders = [speech(corpus, num_workers=workers).train_dataloader() for workers in (0, 2)]
    epochs = []
    for epoch in range(2):
        for loader in loaders:
            loader.batches.set_epoch(epoch)
        first, second = (list(loader) for loader in loaders)
        assert len(first) == len(second) > 1
        for batch, other in zip(first, second, strict=True):
            assert batch.keys() == other.keys()
            assert all(torch.equal(batch[name], other[name]) for name in batch)
        epochs.append(
            {
                index: mask.nonzero().flatten().tolist()
                for batch in first
                for index, mask in zip(
                    batch["index"].tolist(), batch["mask_time_indices"], strict=True
                )
            }
        )
    assert epochs[0] != epochs[1]


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
