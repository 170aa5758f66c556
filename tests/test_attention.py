"""Local attention: the dense oracle against a loop, and every implementation against the oracle."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    AttentionInterface,
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2Model,
    LongformerConfig,
    LongformerModel,
)

from lightning_modules.attention import local_attention
from lightning_modules.attention.interface import find_implementations, find_windows, localize
from lightning_modules.errors import ModelError

HERE = ["local_blocked", "local_masked"]  # for the others see test_device_attention.py
FASTER = ["local_blocked"]


class _Recorder(TorchDispatchMode):
    """Notes every operator that runs and the shape of every tensor it returns."""

    def __init__(self):
        super().__init__()
        self.operators = set()
        self.shapes = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.operators.add(func.name())
        for tensor in result if isinstance(result, tuple) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.shapes.append(tuple(tensor.shape))
        return result


def _inputs(shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(4)
    ]


def _run(inputs, window, mask, implementation):
    """Return the output and the gradients of query, key and value for one fixed loss."""
    *tensors, weights = inputs
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    output = local_attention(*leaves, window, mask, implementation=implementation)
    return [output.detach(), *torch.autograd.grad(output, leaves, weights)]


def _loop_attention(query, key, value, window, mask):
    output = torch.zeros_like(query)
    batch, _, tokens, head_dim = query.shape
    for sample in range(batch):
        for row in range(tokens):
            near = [t for t in range(tokens) if abs(t - row) <= window // 2 and mask[sample, t]]
            if near and mask[sample, row]:
                scores = query[sample, :, row, None] @ key[sample, :, near].transpose(-1, -2)
                weights = torch.softmax(scores / math.sqrt(head_dim), -1)
                output[sample, :, row] = (weights @ value[sample, :, near])[:, 0]
    return output


@st.composite
def _cases(draw, max_tokens=90):
    tokens = draw(st.integers(1, max_tokens))
    shape = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        tokens,
        draw(st.sampled_from([4, 8])),
    )
    window = 2 * draw(st.integers(1, tokens + 2))
    seed = draw(st.integers(0, 2**16))
    padding = draw(st.sampled_from(["none", "right", "anywhere"]))
    if padding == "none":
        return shape, window, None, seed
    if padding == "right":
        lengths = torch.tensor([draw(st.integers(0, tokens)) for _ in range(shape[0])])
        return shape, window, torch.arange(tokens) < lengths[:, None], seed
    generator = torch.Generator().manual_seed(seed)
    return shape, window, torch.rand(shape[0], tokens, generator=generator) < 0.4, seed


@settings(max_examples=25, deadline=None)
@given(_cases(max_tokens=12))
def test_oracle_equals_a_loop_over_queries(case):
    shape, window, mask, seed = case
    query, key, value, _ = _inputs(shape, seed=seed)
    output = local_attention(query, key, value, window, mask, implementation="local_masked")
    every = torch.ones(shape[0], shape[2], dtype=torch.bool)
    expected = _loop_attention(query, key, value, window, every if mask is None else mask)
    torch.testing.assert_close(output, expected)


@pytest.mark.parametrize("implementation", FASTER)
@settings(max_examples=100, deadline=None)
@given(case=_cases())
def test_implementation_equals_the_oracle_in_outputs_and_gradients(implementation, case):
    shape, window, mask, seed = case
    inputs = _inputs(shape, seed=seed)
    found = _run(inputs, window, mask, implementation)
    expected = _run(inputs, window, mask, "local_masked")
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


# Times the oracle's own error. In float32 the fused kernel of the CPU uses a faster exponential.
@pytest.mark.parametrize("implementation", FASTER)
@pytest.mark.parametrize(("dtype", "factor"), [(torch.float32, 8), (torch.bfloat16, 2)])
@settings(max_examples=25, deadline=None)
@given(case=_cases())
def test_rounding_stays_near_the_oracles_own(implementation, dtype, factor, case):
    shape, window, mask, seed = case
    inputs = _inputs(shape, dtype, seed)
    exact = _run([tensor.double() for tensor in inputs], window, mask, "local_masked")
    oracle = _relative_error(_run(inputs, window, mask, "local_masked"), exact)
    found = _run(inputs, window, mask, implementation)
    assert {tensor.dtype for tensor in found} == {dtype}
    assert _relative_error(found, exact) <= factor * max(oracle, 2 * torch.finfo(dtype).eps)


def _relative_error(found, exact):
    return max(
        ((one.double() - truth).abs().max() / truth.abs().max().clamp(min=1.0)).item()
        for one, truth in zip(found, exact, strict=True)
    )


@pytest.mark.parametrize("implementation", HERE)
@pytest.mark.parametrize("tokens", [7, 300])
def test_rows_without_a_visible_key_are_zero_with_finite_gradients(implementation, tokens):
    mask = torch.ones(2, tokens, dtype=torch.bool)
    mask[0] = False
    mask[1, 3:] = False
    for window in (2, 4 * tokens):
        output, *gradients = _run(_inputs((2, 3, tokens, 4)), window, mask, implementation)
        assert (output[0] == 0).all()
        assert (output[1, :, 3:] == 0).all()
        assert (output[1, :, :3] != 0).all()
        assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("implementation", HERE)
@pytest.mark.parametrize("tokens", [1, 5, 70])
def test_window_that_covers_the_input_equals_full_attention(implementation, tokens):
    query, key, value, _ = _inputs((2, 3, tokens, 8))
    window = max(2 * (tokens - 1), 2)
    output = local_attention(query, key, value, window, implementation=implementation)
    full = functional.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(output, full)


@pytest.mark.parametrize("implementation", HERE)
def test_one_token_reaches_exactly_half_a_window_on_each_side(implementation):
    query, key, value, _ = _inputs((1, 2, 200, 4))
    before = local_attention(query, key, value, 10, implementation=implementation)
    value[:, :, 100] += 1.0
    after = local_attention(query, key, value, 10, implementation=implementation)
    changed = (before != after).any(-1).any(1)[0].nonzero().flatten()
    assert changed.tolist() == list(range(95, 106))


@pytest.mark.parametrize("implementation", HERE)
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


@pytest.mark.parametrize("implementation", FASTER)
@pytest.mark.parametrize("is_padded", [False, True])
def test_no_tensor_grows_with_the_square_of_the_length(implementation, is_padded):
    tokens = 500
    mask = torch.arange(tokens)[None] < 450 if is_padded else None
    inputs = _inputs((1, 1, tokens, 4), torch.float32)
    with _Recorder() as recorder:
        _run(inputs, 20, mask, implementation)
    assert max(math.prod(shape) for shape in recorder.shapes) < tokens**2 / 2


@pytest.mark.parametrize("window", [20, 2000])
@pytest.mark.parametrize("is_padded", [False, True])
def test_blocked_runs_on_the_fused_kernel_of_the_cpu(window, is_padded):
    mask = torch.arange(500)[None] < 450 if is_padded else None
    with _Recorder() as recorder:
        _run(_inputs((1, 2, 500, 16), torch.float32), window, mask, "local_blocked")
    assert "aten::_scaled_dot_product_flash_attention_for_cpu" in recorder.operators


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_window": 7}, "`attention_window` must be a positive even number .* got 7"),
        ({"attention_window": 0}, "`attention_window` must be a positive even number .* got 0"),
        ({"attention_window": -2}, "`attention_window` must be a positive even number .* got -2"),
        ({"attention_window": 4.0}, "`attention_window` must be a positive even number"),
        ({"attention_window": True}, "`attention_window` must be a positive even number"),
        (
            {"implementation": "local_blokked"},
            "choose one of: local_blocked, local_flex, local_masked",
        ),
        ({"dropout_p": 1.0}, "`dropout_p` must be"),
        ({"key": torch.zeros(2, 3, 9, 4)}, "`key` must have the shape"),
        ({"value": torch.zeros(2, 3, 10, 4, dtype=torch.float64)}, "`value` must have the shape"),
        ({"query": torch.zeros(3, 10, 4)}, "`query` must be a non-empty"),
        ({"key_padding_mask": torch.ones(2, 9, dtype=torch.bool)}, r"= \(2, 10\), got \(2, 9\)"),
        ({"key_padding_mask": torch.ones(2, 10)}, "dtype torch.bool, got torch.float32"),
    ],
)
def test_bad_arguments_are_named_in_one_sentence(changes, message):
    arguments = {name: torch.zeros(2, 3, 10, 4) for name in ("query", "key", "value")}
    arguments |= {"attention_window": 4, **changes}
    with pytest.raises(ValueError, match=message) as caught:
        local_attention(**arguments)
    assert "\n" not in str(caught.value)


def _bert(**fields):
    sizes = {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 20}
    return BertModel(BertConfig(vocab_size=30, num_hidden_layers=2, **sizes, **fields)).eval()


def test_localize_keeps_one_window_per_layer():
    model = _bert()
    assert localize(model, [4, 8], "local_masked") is model
    assert find_windows(model) == [4, 8]
    assert find_implementations(model) == {"local_masked"}
    localize(model, 6)
    assert find_windows(model) == [6, 6]
    assert find_implementations(model) == {"local_blocked"}


def test_localized_layers_see_no_further_than_their_windows_added_up():
    torch.manual_seed(0)
    model = localize(_bert(), [4, 8])
    ids = torch.randint(5, 30, (1, 90))
    other = ids.clone()
    other[0, 40] = 3
    with torch.no_grad():
        changed = (model(ids)[0] != model(other)[0]).any(-1)[0].nonzero().flatten()
    assert changed.tolist() == list(range(40 - 6, 40 + 7))


@pytest.mark.parametrize("implementation", HERE)
def test_scaling_of_the_model_is_kept(implementation):
    query, key, value, _ = _inputs((1, 2, 50, 16))
    module = nn.Module()
    module.attention_window = 6
    kernel = AttentionInterface()[implementation]
    output, _ = kernel(module, query, key, value, None, scaling=0.5)
    expected = local_attention(query * 0.5 * 4, key, value, 6, implementation=implementation)
    torch.testing.assert_close(output, expected.transpose(1, 2))


def _longformer():
    sizes = {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 20}
    return LongformerModel(LongformerConfig(attention_window=4, num_hidden_layers=1, **sizes))


def _gpt2():
    return GPT2Model(GPT2Config(vocab_size=30, n_embd=24, n_head=3, n_layer=1))


@pytest.mark.parametrize(
    ("build", "window", "implementation", "message"),
    [
        (_longformer, 4, "local_blocked", "attention interface, got LongformerModel"),
        (_gpt2, 4, "local_blocked", "needs an encoder .* got GPT2Model"),
        (_bert, 5, "local_blocked", "positive even number of tokens, got 5"),
        (_bert, [4, 4, 4], "local_blocked", "one number or 2 of them, one per layer, got 3"),
        (_bert, 4, "sdpa", "choose one of: local_blocked, local_flex, local_masked"),
    ],
)
def test_localize_refuses_what_it_cannot_do(build, window, implementation, message):
    with pytest.raises(ModelError, match=message):
        localize(build(), window, implementation)


def test_local_kernel_without_a_window_is_refused():
    model = _bert()
    model.set_attn_implementation("local_blocked")
    with pytest.raises(ModelError, match="needs `localize"):
        model(torch.ones(1, 4, dtype=torch.long))
