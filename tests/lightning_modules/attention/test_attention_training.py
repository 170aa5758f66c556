"""Local attention in training: gradients, dropout, autocast."""

import math
from functools import partial

import pytest
import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from lightning_modules.attention import local_attention
from tests.samples.variants.attention import (
    Inputs,
    attend,
    draw_inputs,
    implementations_here,
)

FASTER = implementations_here(but="local_masked")


@pytest.mark.parametrize("is_padded", [False, True])
def test_what_inference_mode_has_cached_can_be_trained_with(is_padded):
    tokens = 291  # of no other test: nothing is cached yet
    mask = (torch.arange(tokens) < 200)[None] if is_padded else None
    with torch.inference_mode():
        expected = local_attention(*draw_inputs((1, 2, tokens, 4)), 22, mask)
    output, *gradients = attend(draw_inputs((1, 2, tokens, 4)), 22, mask, "local_blocked")
    torch.testing.assert_close(output, expected)
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("implementation", FASTER)
def test_gradients_of_gradients_are_refused_and_not_wrong(implementation):
    tensors = Inputs(*(x.requires_grad_() for x in draw_inputs((1, 1, 300, 4))))
    output = local_attention(*tensors, 20, implementation=implementation)
    (gradient,) = torch.autograd.grad(output.sum(), tensors[0], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable|twice"):
        gradient.sum().backward()


@pytest.mark.parametrize("implementation", implementations_here(has_dropout=True))
@pytest.mark.parametrize("window", [8, 600])
def test_dropout_keeps_the_mean_and_has_the_right_variance(implementation, window):
    torch.manual_seed(0)
    probability, tokens = 0.25, 250
    query = torch.zeros(2, 3, tokens, 16)
    value = torch.ones_like(query)
    output = local_attention(
        query, query, value, window, dropout_p=probability, implementation=implementation
    )
    # Equal scores: a row is a mean over its keys, each kept with 1 - p and scaled by 1 / (1 - p).
    rows = (
        output[:, :, window // 2 : tokens - window // 2, 0] if window < tokens else output[..., 0]
    )
    num_keys = min(window + 1, tokens)
    variance = probability / (1 - probability) / num_keys
    assert rows.mean().item() == pytest.approx(1.0, abs=5 * math.sqrt(variance / rows.numel()))
    assert rows.var().item() == pytest.approx(variance, rel=0.25)


@pytest.mark.parametrize("implementation", implementations_here(has_dropout=True))
@pytest.mark.parametrize("tokens", [40, 128, 400])
def test_one_seed_drops_the_same_weights_with_and_without_gradients(implementation, tokens):
    """Else what reentrant checkpointing computes again has the gradients of another loss."""
    outputs = []
    for has_gradients in (False, True):
        tensors = Inputs(*(x.requires_grad_() for x in draw_inputs((1, 2, tokens, 8))))
        torch.manual_seed(0)
        with torch.set_grad_enabled(has_gradients):
            outputs.append(
                local_attention(*tensors, 32, dropout_p=0.1, implementation=implementation)
            )
    assert torch.equal(*outputs)


@pytest.mark.parametrize("faster", FASTER)
def test_gradients_of_projections_in_any_layout_are_the_oracles(faster):
    made = [torch.randn(2, 300, 3, 2, 8, dtype=torch.float64).requires_grad_() for _ in range(2)]
    made[1].data.copy_(made[0].data)
    results = []
    for leaf, implementation in zip(made, (faster, "local_masked"), strict=True):
        parts = Inputs(*(leaf[:, :, number].transpose(1, 2) for number in range(3)))
        output = local_attention(*parts, 20, implementation=implementation)
        output.square().sum().backward()
        results.append(leaf.grad)
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("faster", FASTER)
def test_keys_that_are_the_same_for_all_heads_get_the_sum_of_their_gradients(faster):
    results = []
    for implementation in (faster, "local_masked"):
        query, key, value = draw_inputs((2, 3, 300, 8))
        key = key[:, :1].requires_grad_()
        shared = key.expand(-1, 3, -1, -1)
        output = local_attention(query, shared, value, 20, implementation=implementation)
        results.append(torch.autograd.grad(output.square().sum(), key)[0])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("implementation", FASTER)
def test_checkpointed_activations_give_the_same_gradients(implementation):
    compute = partial(local_attention, attention_window=20, implementation=implementation)
    results = []
    for is_checkpointed in (False, True):
        leaves = Inputs(*(tensor.requires_grad_() for tensor in draw_inputs((1, 2, 300, 8))))
        if is_checkpointed:
            output = checkpoint(compute, *leaves, use_reentrant=False)
        else:
            output = compute(*leaves)
        results.append([output, *torch.autograd.grad(output.square().sum(), leaves)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("implementation", FASTER)
def test_under_autocast_all_is_done_in_the_lower_precision(implementation):
    query, key, value = draw_inputs((1, 2, 300, 16), torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        projected = Inputs(*(functional.linear(x, torch.eye(16)) for x in (query, key, value)))
        found = local_attention(*projected, 20, implementation=implementation)
    assert found.dtype == torch.bfloat16
    expected = local_attention(query, key, value, 20, implementation="local_masked")
    torch.testing.assert_close(found.float(), expected, atol=3e-2, rtol=3e-2)


@pytest.mark.parametrize("is_autocast", [False, True])
def test_blocks_of_half_precision_train_in_float32_on_a_cpu(is_autocast):
    halves = draw_inputs((2, 3, 300, 16), torch.bfloat16)
    mask = torch.arange(300) < torch.tensor([[300], [170]])
    found: list[torch.Tensor] = []
    exact: list[torch.Tensor] = []
    for given, results in ((halves, found), ([x.float() for x in halves], exact)):
        leaves = Inputs(*(tensor.requires_grad_() for tensor in given))
        with torch.autocast("cpu", torch.bfloat16, enabled=is_autocast and results is found):
            output = local_attention(*leaves, 20, mask)
        # Of a sum: its gradient, one everywhere, is the same number in both.
        results += [output, *torch.autograd.grad(output.sum(), leaves)]
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == torch.bfloat16
        torch.testing.assert_close(one, other.bfloat16())
