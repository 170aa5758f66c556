"""Local attention at the shapes that are measured on a GPU, and models that are given it."""

from collections.abc import Iterator

import pytest
import torch
from torch._subclasses import FakeTensorMode
from transformers import BertConfig, BertModel

from lightning_modules.attention import local_attention
from lightning_modules.attention.interface import localize
from lightning_modules.errors import ModelError
from lightning_modules.kernel_choice import choose_sdpa
from lightning_modules.kernel_limits import KernelUse, limit_of
from tests.samples.devices import DEVICES
from tests.samples.variants.attention import Inputs, attend, draw_inputs, in_float64, relative_error

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
KERNELS = [
    pytest.param(name, dtype, id=f"{name}-{str(dtype).removeprefix('torch.')}")
    for name in ("local_blocked", "local_varlen")
    for dtype in DTYPES
    if limit_of(name, KernelUse("cuda", dtype != torch.float32, True, False)) is None
]
# Tokens, window, and the shares of each sample that are real; None: all are, and there is no mask.
# 320, 704 and 1,088 leave 64 of 128, where backward kernels have been wrong.
SHAPES = [
    (320, 32, [None]),
    (320, 32, [1.0, 0.45]),
    (704, 100, [None, None]),
    (704, 100, [0.3]),
    (513, 512, [None]),
    (1088, 1024, [1.0, 0.45]),
]


@pytest.fixture
def _without_cudnn() -> Iterator[None]:
    """Choose kernels as `train.py` does: those of cuDNN are wrong upstream on the newest GPUs."""
    choose_sdpa("flash")
    yield
    choose_sdpa("any")


def mask_of(shares, tokens, device="cuda"):
    if None in shares:
        return None
    lengths = torch.tensor([int(share * tokens) for share in shares], device=device)
    return torch.arange(tokens, device=device) < lengths[:, None]


@pytest.mark.gpu
@pytest.mark.parametrize(("tokens", "window", "shares"), SHAPES)
@pytest.mark.parametrize(("implementation", "dtype"), KERNELS)
def test_on_a_gpu_outputs_and_gradients_equal_the_oracle(
    implementation, dtype, tokens, window, shares
):
    inputs = draw_inputs((len(shares), 3, tokens, 64), dtype, "cuda")
    mask = mask_of(shares, tokens)
    exact = attend(in_float64(inputs), window, mask, "local_masked")
    oracle = attend(inputs, window, mask, "local_masked")
    found = attend(inputs, window, mask, implementation)
    assert relative_error(found, exact) <= 4 * relative_error(oracle, exact) + 2e-6


@pytest.mark.gpu
@pytest.mark.usefixtures("_without_cudnn")
@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_on_a_gpu_very_negative_scores_leave_finite_gradients(dtype):
    inputs = draw_inputs((2, 3, 320, 64), dtype, "cuda")
    scaled = type(inputs)(-12 * inputs.query, 12 * inputs.query.abs(), inputs.value)
    mask = mask_of([1.0, 0.5], 320)
    for implementation in ("local_blocked", "local_varlen"):
        assert all(each.isfinite().all() for each in attend(scaled, 100, mask, implementation))


@pytest.mark.usefixtures("_without_cudnn")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("padded", [False, True])
def test_dropout_of_the_blocked_kernel_drops_the_share_it_was_given(device, padded):
    shape = (2, 4, 320, 64)
    nothing = torch.zeros(shape, dtype=torch.bfloat16, device=device)
    value = torch.ones_like(nothing)
    mask = mask_of([1.0, 0.5], 320, device) if padded else None
    # Of equal values every row is their mean, times what dropout has kept, over the share kept.
    torch.manual_seed(0)
    output = local_attention(nothing, nothing, value, 64, mask, 0.25)
    real = output if mask is None else output.transpose(1, 2)[mask]
    assert 0.97 < real.float().mean().item() < 1.03
    # One weight of 65 that is dropped or kept varies a row by this much.
    expected = (0.25 / 0.75 / 65) ** 0.5
    assert 0.8 * expected < real.float().mean(-1).std().item() < 1.3 * expected


@pytest.mark.gpu
def test_on_a_gpu_flex_takes_one_sample_of_an_awkward_length():
    inputs = draw_inputs((1, 3, 320, 64), torch.bfloat16, "cuda")
    exact = attend(in_float64(inputs), 100, None, "local_masked")
    oracle = attend(inputs, 100, None, "local_masked")
    found = attend(inputs, 100, None, "local_flex")
    assert relative_error(found, exact) <= 4 * relative_error(oracle, exact) + 2e-6


def test_widths_of_heads_that_a_gpu_does_not_take_are_known_in_advance():
    for head_dim, by_flex, by_varlen in [(8, True, False), (20, False, True), (64, False, False)]:
        use = KernelUse("cuda", True, True, False, head_dim=head_dim)
        assert limit_of("local_flex", use) == (
            "on cuda it takes heads of 16 and more" if by_flex else None
        )
        assert limit_of("local_varlen", use) == (
            "it takes heads of a multiple of 8, up to 256" if by_varlen else None
        )
    with FakeTensorMode():  # where no GPU is, either
        inputs = Inputs(*torch.empty(3, 1, 2, 9, 8, device="cuda"))
    with pytest.raises(ModelError, match="it takes heads of 16 and more"):
        local_attention(*inputs, 4, implementation="local_flex")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("padded", [False, True])
def test_a_localized_model_is_where_it_was_put(device, padded):
    config = BertConfig(
        vocab_size=30,
        hidden_size=48,
        num_attention_heads=3,
        intermediate_size=20,
        num_hidden_layers=2,
    )
    torch.manual_seed(0)
    model = BertModel(config).eval().to(device)
    tokens = torch.arange(140, device=device).remainder(30).repeat(2, 1)
    mask = torch.ones_like(tokens)
    mask[1, 77:] = 0
    given = {"attention_mask": mask} if padded else {}
    with torch.no_grad():
        oracle = localize(model, 20, "local_masked")(tokens, **given).last_hidden_state
        found = localize(model, 20, "local_blocked")(tokens, **given).last_hidden_state
    assert found.device.type == device
    real = mask.bool() if padded else torch.ones_like(mask).bool()
    assert relative_error([found[real]], [oracle[real]]) <= 1e-5
