"""How texts become batches: order, masks, buckets."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from datamodules.modalities.text import TextData
from tests.samples.texts import make_texts, write_jsonl, write_tokenizer


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tokenizer(tmp_path):
    return write_tokenizer(tmp_path / "tokenizer")


def test_loaders_pad_to_the_longest_and_hold_some_texts_out(tmp_path, tokenizer):
    counts = [2 + number % 20 for number in range(40)]
    source = write_jsonl(tmp_path / "a.jsonl", make_texts(counts))
    data = TextData(source, tokenizer, batch_size=4)
    train, val = list(data.train_dataloader()), list(data.val_dataloader())
    assert sum(len(batch["labels"]) for batch in train) == 39
    assert sum(len(batch["labels"]) for batch in val) == 1  # which ones they decide themselves
    for batch in train:
        padded = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
        assert bool(padded.bool().any(0).all())
    widths = [batch["input_ids"].shape[1] for batch in train]
    assert sum(widths) * 4 < 1.25 * (sum(counts) + 2 * 40)  # similar lengths lie together


@pytest.mark.parametrize("num_workers", [0, 2])
def test_masks_depend_on_seed_epoch_and_sample_alone(tmp_path, tokenizer, num_workers):
    source = write_jsonl(tmp_path / "a.jsonl", make_texts([30] * 20))
    data = TextData(source, tokenizer, batch_size=30, num_workers=num_workers)
    expected = TextData(source, tokenizer, batch_size=30)

    def labels_of(data, epoch):
        torch.rand(epoch + num_workers)  # what a model does with torch's own chance
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)
        return next(iter(loader))["labels"].sort(0).values

    assert torch.equal(labels_of(data, 0), labels_of(expected, 0))
    assert torch.equal(labels_of(data, 1), labels_of(expected, 1))
    assert not torch.equal(labels_of(data, 0), labels_of(data, 1))
    first, again = (next(iter(data.val_dataloader()))["labels"] for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("num_processes", [1, 2, 4])
def test_processes_share_the_buckets_of_lengths(tmp_path, tokenizer, num_processes):
    source = write_jsonl(tmp_path / "a.jsonl", make_texts([1 + 7 * n % 101 for n in range(400)]))
    data: Any = TextData(source, tokenizer, batch_size=8)
    padding, seen = [], []
    for rank in range(num_processes):
        data.trainer = SimpleNamespace(
            world_size=num_processes, global_rank=rank, overfit_batches=0
        )
        loader = data.train_dataloader()
        for draw in loader.sampler:
            rows = [loader.dataset.indices[position] for position in draw.positions]
            lengths = [data.reader.lengths[row] for row in rows]
            padding.append(1 - sum(lengths) / (max(lengths) * len(lengths)))
            seen += rows
    assert len(seen) == len(set(seen)) == 384
    assert sum(padding) / len(padding) < 0.15


def test_the_order_depends_on_seed_and_epoch_alone(tmp_path, tokenizer):
    source = write_jsonl(tmp_path / "a.jsonl", make_texts(range(1, 31)))
    orders = []
    for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0)):
        data: Any = TextData(source, tokenizer, seed=seed)
        sampler = data.train_dataloader().sampler
        sampler.set_epoch(epoch)
        orders.append([position for draw in sampler for position in draw.positions])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2] != orders[3] != orders[0]
    for order in orders:
        assert sorted(order) == list(range(29))
