"""`localize` under autocast: kernels of ours round what torch's own attention rounds there."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AttentionInterface, BertConfig, BertModel

from lightning_modules.attention.interface import localize
from tests.samples.variants.attention import implementations_here
from tests.samples.variants.two_kinds import ENCODERS, build_encoder

# A value has 8 bits in bfloat16, four layers round, and so does the library.
ROUNDING = 0.04


def _trained(model: Any) -> list[Tensor]:
    """Return outputs at real tokens and gradients of a step in mixed precision."""
    ids = torch.randint(5, 60, (2, 50), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 30:] = 0
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(ids, attention_mask=mask)[0][mask.bool()]
    output.float().square().mean().backward()
    return [output.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]


def _assert_near_the_library(name: str, implementation: str) -> None:
    library = build_encoder(name)
    library.set_attn_implementation("sdpa")
    expected = _trained(library)
    found = _trained(localize(build_encoder(name), None, implementation))
    assert [x.dtype for x in found] == [x.dtype for x in expected]
    # Of a gradient that is zero but for rounding, rounding is all.
    least = 0.01 * max(x.abs().max() for x in expected)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() <= ROUNDING * other.abs().max().clamp(min=least)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_whose_angles_are_float32_trains_in_mixed_precision(name: str) -> None:
    _assert_near_the_library(name, "local_blocked")


@pytest.mark.parametrize("implementation", implementations_here(but="local_blocked"))
def test_other_kernels_train_in_mixed_precision_too(implementation: str) -> None:
    _assert_near_the_library("ultrabert", implementation)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kernels_compute_in_the_dtype_of_torchs_attention(dtype: torch.dtype) -> None:
    given = torch.randn(3, 1, 2, 9, 4, dtype=dtype)
    module = SimpleNamespace(attention_window=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = torch.nn.functional.scaled_dot_product_attention(*given).dtype
        found, _ = AttentionInterface()["local_masked"](module, *given, None)
    assert found.dtype == expected
    outside, _ = AttentionInterface()["local_masked"](module, *given, None)
    assert outside.dtype == dtype


def test_a_local_model_without_values_tells_its_shapes() -> None:
    config = BertConfig(
        vocab_size=20,
        hidden_size=12,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=3,
    )
    with torch.device("meta"):
        model = localize(BertModel(config), 4)
        output = model(input_ids=torch.zeros(2, 30, dtype=torch.long))[0]
    assert output.shape == (2, 30, 12)
    assert output.is_meta
