"""The compiled kernel: chunks, widths, layouts, dtypes, threads; the oracle is the dense band."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import forward_ad

from lightning_modules.attention import local_attention
from lightning_modules.errors import ModelError
from lightning_modules.kernel_limits import KernelUse, limit_of
from tests.samples.variants.attention import Inputs, attend, draw_inputs, in_float64, relative_error

MISSING = limit_of("local_compiled", KernelUse("cpu", False, True, False))
pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"local_compiled: {MISSING}")
compiled = partial(local_attention, implementation="local_compiled")


def assert_equals_the_oracle(inputs, window, mask=None):
    found = attend(inputs, window, mask, "local_compiled")
    expected = attend(inputs, window, mask, "local_masked")
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


# A chunk has at least 256 queries, and as many as the window is wide: here are one to six of them.
@pytest.mark.parametrize("tokens", [511, 512, 513, 770, 1030, 1537])
@pytest.mark.parametrize("window", [2, 100, 254, 256, 258, 510, 1000])
@pytest.mark.parametrize("is_padded", [False, True])
def test_chunks_share_the_gradients_of_the_keys_between_them(tokens, window, is_padded):
    mask = torch.arange(tokens) // 70 % 3 > 0 if is_padded else None
    mask = mask if mask is None else mask[None]
    assert_equals_the_oracle(draw_inputs((1, 1, tokens, 8)), window, mask)


@settings(max_examples=60)
@given(
    st.integers(1, 150),
    st.integers(1, 40),
    st.sampled_from([1, 3, 16, 63, 64, 65, 80, 128]),
    st.integers(0, 2**16),
)
def test_heads_of_any_width_are_taken(tokens, half_window, width, seed):
    inputs = draw_inputs((2, 3, tokens, width), seed=seed)
    mask = torch.rand(2, tokens, generator=torch.Generator().manual_seed(seed)) < 0.7
    assert_equals_the_oracle(inputs, 2 * half_window, mask)


@pytest.mark.parametrize("width", [6, 64])
@pytest.mark.parametrize("is_padded", [False, True])
def test_gradients_are_the_slopes_of_the_outputs(width, is_padded):
    mask = torch.arange(19)[None] % 5 > 0 if is_padded else None
    leaves = Inputs(*(x.requires_grad_() for x in draw_inputs((1, 2, 19, width))))
    compute = partial(compiled, attention_window=6, key_padding_mask=mask)
    assert torch.autograd.gradcheck(compute, tuple(leaves))


def _by_function(compute, query, direction):
    torch.func.jvp(compute, (query,), (direction,))


def _by_dual_numbers(compute, query, direction):
    with forward_ad.dual_level():
        compute(forward_ad.make_dual(query, direction))


@pytest.mark.parametrize("take", [_by_function, _by_dual_numbers])
def test_derivatives_in_forward_mode_are_refused_and_not_zero(take):
    query, key, value = draw_inputs((1, 1, 90, 4))
    compute = partial(compiled, key=key, value=value, attention_window=20)
    with pytest.raises(ModelError, match="'local_compiled' has no derivatives in forward mode"):
        take(compute, query, torch.ones_like(query))
    assert compute(query).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("window", [32, 100])
def test_at_published_widths_rounding_is_no_more_than_the_oracles(dtype, window):
    inputs = draw_inputs((1, 4, 1100, 64), dtype)
    exact = attend(in_float64(inputs), window, None, "local_masked")
    oracle = relative_error(attend(inputs, window, None, "local_masked"), exact)
    found = relative_error(attend(inputs, window, None, "local_compiled"), exact)
    assert found <= 2 * oracle


@pytest.mark.parametrize("scale", [1e-30, 30.0, 1e4])
def test_scores_of_any_size_neither_overflow_nor_vanish(scale):
    inputs = draw_inputs((1, 2, 90, 64), torch.float32)
    inputs = inputs._replace(query=inputs.query * scale)
    exact = attend(in_float64(inputs), 20, None, "local_masked")
    oracle = attend(inputs, 20, None, "local_masked")
    found = attend(inputs, 20, None, "local_compiled")
    for one, other, truth in zip(found, oracle, exact, strict=True):
        allowed = 2 * relative_error([other], [truth]) + 1e-6
        assert relative_error([one], [truth]) <= allowed


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_a_query_that_is_not_a_number_has_no_output(wrong):
    query, key, value = draw_inputs((1, 1, 80, 64), torch.float32)
    query[:, :, 40] = wrong
    is_wrong = compiled(query, key, value, 20).isnan().any(-1)[0, 0].nonzero().flatten()
    assert is_wrong.tolist() == [40]


def test_what_is_not_a_number_reaches_those_who_see_it_and_nobody_else():
    query, key, value = draw_inputs((1, 1, 80, 64), torch.float32)
    key[:, :, 40] = torch.nan
    output = compiled(query, key, value, 20)
    is_wrong = output.isnan().any(-1)[0, 0].nonzero().flatten()
    assert is_wrong.tolist() == list(range(30, 51))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_padding_holds_reaches_no_output_and_no_gradient(dtype):
    mask = torch.ones(1, 80, dtype=torch.bool)
    mask[:, 30:50] = False
    results = []
    for held in (0.0, torch.nan):
        inputs = draw_inputs((1, 2, 80, 64), dtype)
        for tensor in inputs:
            tensor[:, :, 30:50] = held
        results.append(attend(inputs, 20, mask, "local_compiled"))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 3, 2), (3, 2, 1, 0), (2, 0, 1, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_views_in_any_order_of_dimensions_are_taken(order, dtype):
    back = [order.index(place) for place in range(4)]
    inputs = draw_inputs((2, 3, 90, 64), dtype)
    views = Inputs(*(x.permute(order).contiguous().permute(back) for x in inputs))
    mask = (torch.rand(90, 2) < 0.8).t()
    results = []
    for given_ in (inputs, views):
        leaves = Inputs(*(x.detach().requires_grad_() for x in given_))
        output = compiled(*leaves, 20, mask)
        results.append([output, *torch.autograd.grad(output, leaves, views.query)])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_outputs_lie_as_the_projections_of_an_encoder_do():
    output = compiled(*draw_inputs((2, 3, 90, 64)), 20)
    assert output.transpose(1, 2).is_contiguous()


def test_any_number_of_threads_gives_the_same_bits():
    inputs, before, results = (
        draw_inputs((2, 3, 1700, 64), torch.float32),
        torch.get_num_threads(),
        [],
    )
    try:
        for threads in (1, 2, 3, 8):
            torch.set_num_threads(threads)
            results.append(attend(inputs, 100, None, "local_compiled"))
    finally:
        torch.set_num_threads(before)
    for others in results[1:]:
        assert all(map(torch.equal, results[0], others))


@pytest.mark.parametrize("is_dynamic", [False, True])
def test_torch_compiles_models_around_it(is_dynamic):
    def both(*tensors):
        query, key, value = (x * 2 for x in tensors)
        return compiled(query, key, value, 20).square()

    results = []
    torch._dynamo.reset()
    options = {"backend": "aot_eager", "fullgraph": True, "dynamic": is_dynamic}
    for compute in (both, torch.compile(both, **options)):
        leaves = Inputs(*(x.requires_grad_() for x in draw_inputs((1, 2, 90, 16))))
        output = compute(*leaves)
        results.append([output, *torch.autograd.grad(output.sum(), leaves)])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_operators_say_beforehand_what_comes_back(dtype):
    compiled(*draw_inputs((1, 1, 9, 4)), 2)  # or they are not known yet
    query, key, value = draw_inputs((2, 3, 40, 16), dtype)
    operators = torch.ops.tipping_point
    tests = ("test_schema", "test_faketensor")
    for needs_sums in (False, True):
        asked = (query, key, value, 5, None, needs_sums)
        torch.library.opcheck(operators.local_attention.default, asked, test_utils=tests)
    output, sums = operators.local_attention(query, key, value, 5, None, True)
    returned = (query, query, key, value, output, sums, 5, None)
    torch.library.opcheck(operators.local_attention_backward.default, returned, test_utils=tests)
