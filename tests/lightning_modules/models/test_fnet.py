"""FNet mixes as its paper says, at lengths of all kinds."""

from typing import Any

import pytest
import torch

from lightning_modules.variants import build_module
from tests.samples.variants.models import batch_of, build, predict


def mixed_by_definition(hidden):
    """Sum over all tokens and the whole width, as the definition of the transform has it."""
    angles = [
        2 * torch.pi * torch.outer(torch.arange(size), torch.arange(size)).double() / size
        for size in hidden.shape[1:]
    ]
    (along_tokens, along_width), sines = (
        [function(angle) for angle in angles] for function in (torch.cos, torch.sin)
    )
    # The real part of a product of two turns.
    return along_tokens @ hidden @ along_width - sines[0] @ hidden @ sines[1]


@pytest.mark.parametrize("tokens", [1, 64, 61, 90])
def test_a_layer_mixes_as_the_definition_of_the_transform_says(tokens):
    mix = build("text", "fnet").double().model.fnet.encoder.layer[0].fourier.self
    hidden = torch.randn(2, tokens, 128, dtype=torch.float64, requires_grad=True)
    ours, expected = mix(hidden)[0], mixed_by_definition(hidden)
    torch.testing.assert_close(ours, expected)
    upstream = torch.randn_like(ours)
    gradients = [torch.autograd.grad(each, hidden, upstream)[0] for each in (ours, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("tokens", [64, 61])
def test_half_precision_mixes_in_single_precision(tokens, dtype):
    mix = build("text", "fnet").model.fnet.encoder.layer[0].fourier.self
    hidden = torch.randn(2, tokens, 128).to(dtype)
    ours = mix(hidden)[0]
    assert ours.dtype == dtype
    expected = mixed_by_definition(hidden.double())
    rounding = torch.finfo(dtype).eps * expected.abs() + 1e-3
    assert ((ours.double() - expected).abs() <= rounding).all()


def test_a_checkpoint_made_for_tpus_mixes_by_fftn(tmp_path):
    batch = batch_of("text", 100)
    saved: Any = build("text", "fnet")
    expected = predict(saved, batch)
    saved.model.config.use_tpu_fourier_optimizations = True
    saved.model.save_pretrained(tmp_path)
    loaded: Any = build_module("text", "fnet", checkpoint=str(tmp_path))
    loaded.check_active(100)
    assert loaded.size == "tiny"
    torch.testing.assert_close(predict(loaded, batch), expected)
