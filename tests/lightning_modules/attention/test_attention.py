"""Local attention: the dense oracle against a loop, and every implementation against the oracle."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_modules.attention import local_attention
from lightning_modules.attention.pieces import plan_pieces
from tests.samples.variants.attention import (
    Inputs,
    attend,
    draw_inputs,
    implementations_here,
    in_float64,
    kernels_here,
    relative_error,
)

# Those that train on a CPU; for the others see test_device_attention.py.
HERE = implementations_here()
FASTER = implementations_here(but="local_masked")


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


@settings(max_examples=25)
@given(_cases(max_tokens=12))
def test_oracle_equals_a_loop_over_queries(case):
    shape, window, mask, seed = case
    query, key, value = draw_inputs(shape, seed=seed)
    output = local_attention(query, key, value, window, mask, implementation="local_masked")
    every = torch.ones(shape[0], shape[2], dtype=torch.bool)
    expected = _loop_attention(query, key, value, window, every if mask is None else mask)
    torch.testing.assert_close(output, expected)


@pytest.mark.parametrize("implementation", FASTER)
@settings(max_examples=100)
@given(case=_cases())
def test_implementation_equals_the_oracle_in_outputs_and_gradients(implementation, case):
    shape, window, mask, seed = case
    inputs = draw_inputs(shape, seed=seed)
    found = attend(inputs, window, mask, implementation)
    expected = attend(inputs, window, mask, "local_masked")
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


PADDINGS = ("none", "right", "left", "whole windows")
# Long enough for several equal blocks, with windows on both sides of the width of a block; each of
# them meets every padding.
MANY_BLOCKS = [
    (tokens, window, PADDINGS[(row + column) % len(PADDINGS)])
    for row, tokens in enumerate((257, 300, 513, 700))
    for column, window in enumerate((2, 32, 100, 258, 600, 1022))
]


@pytest.mark.parametrize(("tokens", "window", "padding"), MANY_BLOCKS)
def test_every_implementation_equals_the_oracle_over_many_blocks(tokens, window, padding):
    shape = (2, 3, tokens, 16)
    positions = torch.arange(tokens)
    mask = {
        "none": None,
        "right": positions < torch.tensor([tokens, tokens // 3])[:, None],
        "left": positions >= torch.tensor([0, tokens // 3])[:, None],
        "whole windows": (positions // 120 % 2 == 0).expand(2, -1),
    }[padding]
    inputs = draw_inputs(shape, seed=tokens + window)
    expected = attend(inputs, window, mask, "local_masked")
    kernels = kernels_here(but="local_masked")
    found = {name: attend(inputs, window, mask, name) for name in kernels}
    torch.testing.assert_close(found, dict.fromkeys(kernels, expected))


@settings(max_examples=200)
@given(st.integers(1, 400), st.integers(1, 150), st.sampled_from([1, 8, 32]))
def test_a_plan_answers_every_query_once_with_all_its_keys(tokens, half_window, block):
    next_query = 0
    for piece in plan_pieces(tokens, half_window, block):
        for number in range(piece.num_blocks):
            first_query = piece.first_query + number * piece.num_queries
            first_key = piece.first_key + number * piece.num_queries
            last_query = first_query + piece.num_queries - 1
            last_key = first_key + piece.num_keys - 1
            assert first_query == next_query
            assert 0 <= first_key <= max(0, first_query - half_window)
            assert min(tokens - 1, last_query + half_window) <= last_key < tokens
            next_query = last_query + 1
    assert next_query == tokens


@pytest.mark.parametrize("implementation", FASTER)
def test_queries_keys_and_values_of_any_memory_layout_are_taken(implementation):
    made = torch.randn(2, 300, 3, 5, 8, dtype=torch.float64)
    tensors = Inputs(*(made[:, :, number].transpose(1, 2) for number in range(3)))
    mask = torch.rand(2, 300) < 0.7
    found = local_attention(*tensors, 20, mask, implementation=implementation)
    contiguous = Inputs(*(x.contiguous() for x in tensors))
    expected = local_attention(*contiguous, 20, mask, implementation=implementation)
    torch.testing.assert_close(found, expected)


# Times the oracle's own error. In float32 the fused kernel of the CPU uses a faster exponential.
@pytest.mark.parametrize("implementation", FASTER)
@pytest.mark.parametrize(("dtype", "factor"), [(torch.float32, 8), (torch.bfloat16, 2)])
@settings(max_examples=25)
@given(case=_cases())
def test_rounding_stays_near_the_oracles_own(implementation, dtype, factor, case):
    shape, window, mask, seed = case
    inputs = draw_inputs(shape, dtype, seed=seed)
    exact = attend(in_float64(inputs), window, mask, "local_masked")
    oracle = relative_error(attend(inputs, window, mask, "local_masked"), exact)
    found = attend(inputs, window, mask, implementation)
    assert {tensor.dtype for tensor in found} == {dtype}
    assert relative_error(found, exact) <= factor * max(oracle, 2 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("implementation", HERE)
@pytest.mark.parametrize("tokens", [7, 300])
def test_rows_without_a_visible_key_are_zero_with_finite_gradients(implementation, tokens):
    mask = torch.ones(2, tokens, dtype=torch.bool)
    mask[0] = False
    mask[1, 3:] = False
    for window in (2, 4 * tokens):
        output, *gradients = attend(draw_inputs((2, 3, tokens, 4)), window, mask, implementation)
        assert (output[0] == 0).all()
        assert (output[1, :, 3:] == 0).all()
        assert (output[1, :, :3] != 0).all()
        assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("implementation", HERE)
@pytest.mark.parametrize("tokens", [1, 5, 70])
def test_window_that_covers_the_input_equals_full_attention(implementation, tokens):
    query, key, value = draw_inputs((2, 3, tokens, 8))
    window = max(2 * (tokens - 1), 2)
    output = local_attention(query, key, value, window, implementation=implementation)
    full = functional.scaled_dot_product_attention(query, key, value)
    torch.testing.assert_close(output, full)


@pytest.mark.parametrize("implementation", HERE)
def test_one_token_reaches_exactly_half_a_window_on_each_side(implementation):
    query, key, value = draw_inputs((1, 2, 200, 4))
    before = local_attention(query, key, value, 10, implementation=implementation)
    value[:, :, 100] += 1.0
    after = local_attention(query, key, value, 10, implementation=implementation)
    changed = (before != after).any(-1).any(1)[0].nonzero().flatten()
    assert changed.tolist() == list(range(95, 106))


@pytest.mark.parametrize("implementation", FASTER)
@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize(
    ("tokens", "window"), [(500, 20), (3000, 2000), (2100, 4000), (2100, 8000)]
)
def test_no_tensor_grows_with_the_square_of_the_length(implementation, is_padded, tokens, window):
    mask = torch.arange(tokens)[None] < tokens - 50 if is_padded else None
    inputs = draw_inputs((1, 1, tokens, 4), torch.float32)
    with _Recorder() as recorder:
        attend(inputs, window, mask, implementation)
    assert max(math.prod(shape) for shape in recorder.shapes) < 0.6 * tokens**2


@pytest.mark.parametrize("window", [20, 2000])
@pytest.mark.parametrize("is_padded", [False, True])
def test_blocked_runs_on_the_fused_kernel_of_the_cpu(window, is_padded):
    mask = torch.arange(500)[None] < 450 if is_padded else None
    with _Recorder() as recorder:
        attend(draw_inputs((1, 2, 500, 16), torch.float32), window, mask, "local_blocked")
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
            "choose one of: local_blocked, local_compiled, local_flex, local_masked",
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
    tensors = {name: torch.zeros(2, 3, 10, 4) for name in ("query", "key", "value")}
    arguments: dict[str, Any] = {**tensors, "attention_window": 4, **changes}
    with pytest.raises(ValueError, match=message) as caught:
        local_attention(**arguments)
    assert "\n" not in str(caught.value)
