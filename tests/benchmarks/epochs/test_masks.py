"""Batches of an epoch have the masks that their padding needs."""

from benchmarks.answers.epoch_runs.batches import make_batch
from datamodules.batching.policies import PaddedBatch
from datamodules.geometry import samples_for_frames
from tests.samples.variants.costs import point_of


def test_a_text_is_masked_behind_its_end():
    point = point_of("text", "bert", "sdpa")
    batch = make_batch(point, PaddedBatch((5, 12, 1), 12.0))

    assert batch["attention_mask"].sum(1).tolist() == [5, 12, 1]
    assert batch["input_ids"].shape == batch["labels"].shape == (3, 12)
    padded = batch["attention_mask"] == 0
    assert bool((batch["input_ids"][padded] == 0).all())
    assert bool((batch["labels"][padded] == -100).all())
    assert bool((batch["input_ids"][~padded] != 0).all())


def test_speech_is_masked_in_samples_and_no_padding_is_predicted():
    point = point_of("speech", "hubert", "sdpa")
    batch = make_batch(point, PaddedBatch((30, 47), 60.0))

    ends = [samples_for_frames(30), samples_for_frames(47)]
    assert batch["attention_mask"].sum(1).tolist() == ends
    assert batch["input_values"].shape == (2, samples_for_frames(60))
    for row, (end, frames) in enumerate(zip(ends, (30, 47), strict=True)):
        assert not batch["input_values"][row, end:].any()
        assert not batch["mask_time_indices"][row, frames:].any()
        assert batch["mask_time_indices"][row, :frames].any()


def test_where_nothing_is_padded_there_is_no_mask():
    text = make_batch(point_of("text", "bert", "sdpa"), PaddedBatch((9, 9), 9.0))
    images = make_batch(point_of("vision", "vit", "sdpa"), PaddedBatch((50, 33), 50.0))

    assert "attention_mask" not in text
    assert images["pixel_values"].shape == (2, 3, 64, 64)
    assert "attention_mask" not in images


def test_short_samples_are_padded_to_what_the_variant_takes():
    point = point_of("text", "nystromformer", "library")
    batch = make_batch(point, PaddedBatch((20, 31), 31.0))

    assert batch["input_ids"].shape == (2, 65)
    assert batch["attention_mask"].sum(1).tolist() == [20, 31]


def test_packed_samples_arrive_padded_to_the_longest():
    batch = make_batch(point_of("text", "bert", "sdpa"), PaddedBatch((20, 31), 25.5))

    assert batch["attention_mask"].sum(1).tolist() == [20, 31]
