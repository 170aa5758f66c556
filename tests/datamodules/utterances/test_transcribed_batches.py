"""Batches of transcribed speech: padding, masks and labels, alike in all processes."""

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
from datamodules.utterances.alphabet import LETTERS
from datamodules.utterances.transcribed import TranscribedReader
from tests.samples.recordings.transcribed import speech, write_corpus, write_sound


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
    distances = [abs(length - frames) for length in reader.lengths]
    batch = utterances[BatchDraw((5,), 0, frames, frames)]  # where no other one is as long
    (index,) = batch["index"].tolist()
    assert distances[index] == sorted(distances)[1] > 0
    longest = max(frames, reader.lengths[index])
    assert batch["input_values"].shape == (1, samples_for_frames(longest))
    for recording in reader.recordings:
        recording.path.write_bytes(b"damaged")
    with (
        pytest.warns(UserWarning, match="skipped"),
        pytest.raises(DataError, match="every one of 1 sample of a batch is damaged, and there is"),
    ):
        utterances[BatchDraw((5,), 0, frames, frames)]


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


@settings(max_examples=40, deadline=None)  # long recordings, on a busy machine
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
