import pytest
import torch

from datamodules.batching.masking import TokenMasking, mask_spans
from datamodules.errors import DataError
from datamodules.geometry import FRAME_SAMPLES, HOP_SAMPLES, samples_for_frames
from datamodules.modalities.synthetic import SyntheticSpeech, SyntheticText, SyntheticVision

KINDS = [SyntheticText, SyntheticSpeech, SyntheticVision]


def batches_equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("length", [1, 2, 33, 1000])
def test_text_has_exactly_the_asked_length(length):
    batch = SyntheticText(num_classes=50).batch_at(length, 3)
    assert batch.keys() == {"input_ids", "labels"}
    assert batch["input_ids"].shape == batch["labels"].shape == (3, length)
    assert batch["input_ids"].dtype == batch["labels"].dtype == torch.int64
    assert bool((batch["labels"] != -100).any(1).all())


@pytest.mark.parametrize("length", [1, 2, 33, 1000])
def test_speech_has_exactly_the_asked_frames(length):
    batch = SyntheticSpeech(num_classes=5).batch_at(length, 3)
    assert batch.keys() == {"input_values", "mask_time_indices", "labels"}
    assert batch["input_values"].shape == (3, samples_for_frames(length))
    assert batch["input_values"].dtype == torch.float32
    assert batch["labels"].shape == batch["mask_time_indices"].shape == (3, length)
    assert batch["mask_time_indices"].dtype == torch.bool
    assert bool(batch["mask_time_indices"].any(1).all())
    assert set(batch["labels"].unique().tolist()) <= set(range(5))


@pytest.mark.parametrize(("length", "side"), [(1, 32), (64, 64), (65, 96)])
def test_images_have_the_asked_side_rounded_up(length, side):
    batch = SyntheticVision(num_classes=3).batch_at(length, 5)
    assert batch["pixel_values"].shape == (5, 3, side, side)
    assert batch["pixel_values"].dtype == torch.float32
    assert batch["labels"].shape == (5,)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_data_and_another_seed_other_data(kind):
    data, again, other = kind(seed=1), kind(seed=1), kind(seed=2)
    assert batches_equal(data.batch_at(40, 2, seed=3), again.batch_at(40, 2, seed=3))
    assert not batches_equal(data.batch_at(40, 2, seed=3), data.batch_at(40, 2, seed=4))
    assert not batches_equal(data.batch_at(40, 2), other.batch_at(40, 2))
    assert data.fingerprint() == again.fingerprint() != other.fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_training_batches_differ_and_validation_batches_are_fixed_and_new(kind):
    data = kind(batch_size=2, num_batches=12)
    train, val = list(data.train_dataloader()), list(data.val_dataloader())
    assert (len(train), len(val)) == (12, 1)
    assert not batches_equal(train[0], train[1])
    assert batches_equal(val[0], next(iter(data.val_dataloader())))
    assert not batches_equal(val[0], train[0])
    assert not batches_equal(val[0], next(iter(data.test_dataloader())))
    assert not batches_equal(train[0], next(iter(data.predict_dataloader())))


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (SyntheticText(sequence_length=77, batch_size=3, num_batches=4), 77),
        (SyntheticSpeech(sequence_length=77, batch_size=3, num_batches=4), 77),
        (SyntheticVision(input_size=77, batch_size=3, num_batches=4), 96),
    ],
)
def test_lengths_tell_the_length_of_the_loaders(data, length):
    distribution = data.lengths()
    assert (distribution.values, distribution.counts) == ((length,), (12,))
    assert distribution.unit == data.unit


def test_facts_are_also_attributes():
    assert SyntheticText(num_classes=90).num_classes == 90
    assert SyntheticSpeech(num_classes=6).num_classes == 6
    assert SyntheticVision(num_classes=7).num_classes == 7


def test_text_keeps_the_mask_and_padding_out_of_its_content():
    data = SyntheticText(num_classes=10)
    batch = data.batch_at(500, 8)
    chosen = batch["labels"] != -100
    assert bool((batch["input_ids"][chosen] == 9).any())
    assert bool((batch["input_ids"][~chosen] != 9).all())
    assert bool((batch["input_ids"] != 0).all())
    assert set(batch["labels"][chosen].tolist()) <= set(range(1, 9))


def test_the_visible_tokens_tell_the_hidden_ones():
    data = SyntheticText(num_classes=100)

    def count_tokens(seed):
        batch = data.batch_at(60, 128, seed=seed)
        visible = batch["input_ids"].where(batch["labels"] == -100, 0)
        return torch.nn.functional.one_hot(visible, 100).sum(1).float(), batch["labels"]

    bags, labels = count_tokens(0)
    hidden = torch.nn.functional.one_hot(labels.clamp(min=0), 100)[..., 1:].sum(1).float()
    weights = torch.linalg.lstsq(bags, hidden, driver="gelsd").solution
    bags, labels = count_tokens(1)
    guesses = (bags @ weights).topk(4).indices + 1
    chosen = labels != -100
    hits = (labels[:, :, None] == guesses[:, None]).any(-1)[chosen].float().mean()
    assert hits > 0.9  # chance: 4 of 64


def test_the_frames_around_a_mask_tell_the_hidden_ones():
    batch = SyntheticSpeech(num_classes=8).batch_at(400, 8)
    position = torch.arange(400)
    hits = []
    for labels, mask in zip(batch["labels"], batch["mask_time_indices"], strict=True):
        visible = position[~mask]
        nearest = visible[(position[mask][:, None] - visible).abs().argmin(1)]
        hits.append((labels[nearest] == labels[mask]).float())
    assert torch.cat(hits).mean() > 0.6  # chance: 1 of 8


@pytest.mark.parametrize("num_classes", [2, 8, 130])
def test_the_sound_of_a_frame_tells_its_label(num_classes):
    data = SyntheticSpeech(num_classes=num_classes)

    def describe_frames(seed):
        batch = data.batch_at(600, 4, seed=seed)
        hops = batch["input_values"].unfold(1, FRAME_SAMPLES, HOP_SAMPLES)[..., :HOP_SAMPLES]
        spectrum = torch.fft.rfft(hops).abs().flatten(0, 1)
        return spectrum / spectrum.norm(dim=1, keepdim=True), batch["labels"].flatten()

    known, labels = describe_frames(0)
    asked, expected = describe_frames(1)
    heard = torch.isin(expected, labels)
    guesses = labels[(asked[heard] @ known.T).argmax(1)]
    assert (guesses == expected[heard]).float().mean() > 0.95


def test_the_stripes_tell_the_class():
    data = SyntheticVision(num_classes=4)

    def describe_images(seed):
        batch = data.batch_at(64, 96, seed=seed)
        spectrum = torch.fft.rfft2(batch["pixel_values"].mean(1)).abs().flatten(1)
        return spectrum / spectrum.norm(dim=1, keepdim=True), batch["labels"]

    known, labels = describe_images(0)
    asked, expected = describe_images(1)
    assert (labels[(asked @ known.T).argmax(1)] == expected).float().mean() > 0.85


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SyntheticText(num_classes=9), "`num_classes` must be at least 10, got 9"),
        (lambda: SyntheticText(sequence_length=0), "`sequence_length` must be at least 1"),
        (lambda: SyntheticText(mask_fraction=1.0), "`mask_fraction` must lie between 0 and 1"),
        (lambda: SyntheticSpeech(num_classes=1), "`num_classes` must be at least 2"),
        (lambda: SyntheticSpeech(num_classes=9000), "`num_classes` must be at most 5000"),
        (lambda: SyntheticVision(num_classes=1), "`num_classes` must be at least 2"),
        (lambda: SyntheticVision(batch_size=0), "`batch_size` must be at least 1"),
        (lambda: SyntheticVision(seed=-1), "`seed` must be at least 0"),
        (lambda: SyntheticVision().batch_at(0, 1), "`length` must be at least 1"),
    ],
)
def test_a_wrong_setting_is_named(build, message):
    with pytest.raises(DataError, match=message):
        build()


def test_masking_hides_eight_tenths_and_leaves_the_unmaskable():
    tokens = torch.randint(1, 900, (40, 500), generator=torch.Generator().manual_seed(0))
    maskable = torch.ones_like(tokens, dtype=torch.bool)
    maskable[:, ::7] = False
    masking = TokenMasking(0.2, mask_token_id=999, random_ids=(1, 999))
    input_ids, labels = masking.apply(tokens, maskable, torch.Generator().manual_seed(1))
    chosen = labels != -100
    assert not bool((chosen & ~maskable).any())
    assert torch.equal(labels[chosen], tokens[chosen])
    assert torch.equal(input_ids[~chosen], tokens[~chosen])
    hidden, kept = input_ids[chosen] == 999, input_ids[chosen] == tokens[chosen]
    assert chosen[maskable].float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert hidden.float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert kept.float().mean().item() == pytest.approx(0.1, abs=0.03)


def test_masking_chooses_nothing_where_nothing_may_be_masked():
    tokens = torch.tensor([5, 6])
    masking = TokenMasking(0.5, mask_token_id=9, random_ids=(0, 9))
    input_ids, labels = masking.apply(tokens, torch.zeros(2, dtype=torch.bool))
    assert torch.equal(input_ids, tokens)
    assert labels.tolist() == [-100, -100]


def test_span_masks_cover_what_the_recipe_of_hubert_covers():
    masks = [mask_spans(781, 0.8, torch.Generator().manual_seed(seed)) for seed in range(50)]
    assert torch.stack(masks).float().mean().item() == pytest.approx(0.569, abs=0.02)
