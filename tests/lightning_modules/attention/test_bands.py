"""Bands that are kept: how many bytes of them, and for whom."""

import gc
import weakref
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters
from torch._subclasses import FakeTensorMode
from torch._subclasses.fake_tensor import FakeTensor
from transformers import BertConfig, BertModel

from lightning_modules.attention import bands, local_attention
from lightning_modules.attention.bands import band_of, bands_apart
from lightning_modules.attention.interface import localize
from lightning_modules.attention.pieces import Piece
from lightning_modules.cuda_graphs import MOST_BYTES, Kept
from tests.samples.variants.attention import draw_inputs


def whole(tokens: int) -> Piece:
    return Piece(0, tokens, 0, tokens)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_bands_of_many_lengths_hold_no_more_than_so_many_bytes(dtype: torch.dtype) -> None:
    query = torch.empty(0, device="meta", dtype=dtype)  # of a device that is no CPU
    made: list[weakref.ref[Tensor]] = []
    with bands_apart():
        for tokens in range(1950, 2014):
            made.append(weakref.ref(band_of(whole(tokens), 50, query)))
        gc.collect()
        alive = [band for reference in made if (band := reference()) is not None]
        assert 0 < sum(band.nbytes for band in alive) <= MOST_BYTES
        assert band_of(whole(2013), 50, query) is alive[-1]


def test_what_is_larger_than_all_that_may_be_kept_is_kept_alone() -> None:
    kept = Kept(most_bytes=100)
    values = {tokens: torch.zeros(tokens, dtype=torch.uint8) for tokens in (40, 60, 1, 101)}
    for tokens, value in values.items():
        kept.keep(tokens, value)
        if tokens == 60:
            assert all(kept.find(place) is not None for place in (40, 60))
    assert [place for place in values if kept.find(place) is not None] == [101]


def test_a_query_without_values_gets_no_band_with_values_and_leaves_none() -> None:
    query, tokens = torch.empty(0), 17
    real = band_of(whole(tokens), 3, query)
    with FakeTensorMode():
        assert isinstance(band_of(whole(tokens), 3, torch.empty(0)), FakeTensor)
        assert isinstance(band_of(whole(tokens + 1), 3, torch.empty(0)), FakeTensor)
    assert band_of(whole(tokens), 3, query) is real
    assert type(band_of(whole(tokens + 1), 3, query)) is Tensor


@pytest.fixture
def _nothing_compiled() -> None:
    torch._dynamo.reset()
    counters.clear()


@pytest.mark.usefixtures("_nothing_compiled")
@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize("is_dynamic", [False, True])
def test_a_compiler_compiles_a_length_once_and_leaves_no_band_behind(
    is_dynamic: bool, is_padded: bool
) -> None:
    inputs = draw_inputs((2, 2, 300, 16), torch.float32)
    mask = torch.arange(300) < torch.tensor([300, 100])[:, None] if is_padded else None
    compute = partial(local_attention, attention_window=20, key_padding_mask=mask)
    compiled = torch.compile(compute, backend="aot_eager", fullgraph=True, dynamic=is_dynamic)
    with bands_apart():
        found = [compiled(*inputs) for _ in range(2)]
        assert not bands._BANDS._values
        expected = compute(*inputs)
        found.append(compiled(*inputs))  # and asks for none that others left
    assert counters["stats"]["unique_graphs"] == 1
    for output in found:
        torch.testing.assert_close(output, expected)


@pytest.mark.usefixtures("_nothing_compiled")
def test_a_localized_model_trains_compiled_with_one_graph() -> None:
    sizes: dict[str, Any] = {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 20}
    config = BertConfig(
        vocab_size=30,
        num_hidden_layers=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **sizes,
    )
    model = localize(BertModel(config, add_pooling_layer=False), 8)
    ids = torch.randint(5, 30, (1, 90))
    model.compile(backend="aot_eager", dynamic=False)
    with bands_apart():
        for _ in range(2):
            found = model(ids).last_hidden_state
            found.square().sum().backward()
        expected = model.forward(ids).last_hidden_state
    torch.testing.assert_close(found, expected)
    assert counters["stats"]["unique_graphs"] == 1
    assert sum(counters["graph_break"].values()) == 0
