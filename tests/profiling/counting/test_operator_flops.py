"""Operations of torch's operators, against loops that are counted by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from profiling.counting.step_count import StepCount


def flops_of(compute, backward: bool = False) -> float:
    with StepCount() as count:
        output = compute()
        if backward:
            count.flops = 0.0
            output.sum().backward()
    return count.flops


def drawn(*shape: int, wanted: bool = False) -> Tensor:
    return torch.randn(*shape, requires_grad=wanted)


def test_products_of_matrices_take_two_operations_for_each_term() -> None:
    assert flops_of(lambda: drawn(3, 5) @ drawn(5, 7)) == 2 * 3 * 5 * 7
    assert flops_of(lambda: drawn(2, 3, 5) @ drawn(2, 5, 7)) == 2 * 2 * 3 * 5 * 7
    assert flops_of(lambda: drawn(3, 5) @ drawn(5)) == 2 * 3 * 5
    assert flops_of(lambda: nn.Linear(5, 7)(drawn(2, 3, 5))) == 2 * 6 * 5 * 7
    assert flops_of(lambda: torch.einsum("bik,bjk->bij", drawn(2, 3, 5), drawn(2, 7, 5))) == 420
    assert flops_of(lambda: torch.baddbmm(drawn(2, 3, 7), drawn(2, 3, 5), drawn(2, 5, 7))) == 420


def test_a_linear_layer_takes_twice_as_much_on_the_way_back() -> None:
    layer = nn.Linear(5, 7)
    assert flops_of(lambda: layer(drawn(11, 5, wanted=True)), backward=True) == 4 * 11 * 5 * 7
    assert flops_of(lambda: layer(drawn(11, 5)), backward=True) == 2 * 11 * 5 * 7


@pytest.mark.parametrize("groups", [1, 3])
def test_a_convolution_meets_the_channels_of_its_group_alone(groups: int) -> None:
    layer = nn.Conv1d(6, 9, 4, stride=2, groups=groups)
    outputs = (31 - 4) // 2 + 1
    forward = 2 * 2 * outputs * 9 * (6 // groups) * 4
    inputs = drawn(2, 6, 31, wanted=True)
    assert flops_of(lambda: layer(inputs)) == forward
    assert flops_of(lambda: layer(inputs), backward=True) == 2 * forward
    assert flops_of(lambda: layer(inputs.detach()), backward=True) == forward


def test_a_transposed_convolution_spreads_each_of_its_inputs() -> None:
    layer = nn.ConvTranspose1d(6, 9, 4, stride=2, groups=3)
    inputs = drawn(2, 6, 13, wanted=True)
    assert flops_of(lambda: layer(inputs)) == 2 * 2 * 13 * 6 * 3 * 4
    assert flops_of(lambda: layer(inputs), backward=True) == 2 * (2 * 2 * 13 * 6 * 3 * 4)


@pytest.mark.parametrize("kernel", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
def test_fused_attention_counts_as_its_products_do(kernel: SDPBackend) -> None:
    query = drawn(2, 3, 11, 8, wanted=True)
    key, value = (drawn(2, 3, 13, 8, wanted=True) for _ in range(2))
    products = 4 * 2 * 3 * 11 * 13 * 8

    def attend() -> Tensor:
        with sdpa_kernel(kernel):
            return functional.scaled_dot_product_attention(query, key, value)

    assert flops_of(attend) == products
    assert flops_of(attend, backward=True) == 2 * products


def test_what_fused_attention_computes_again_is_told_apart() -> None:
    query, key, value = (drawn(2, 3, 11, 8, wanted=True) for _ in range(3))
    with StepCount() as count, sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        functional.scaled_dot_product_attention(query, key, value).sum().backward()
    assert count.recomputed_flops == 2 * 2 * 3 * 11 * 11 * 8


def test_bytes_are_what_operators_read_and_write_and_views_are_none() -> None:
    left, right = drawn(3, 5), drawn(5, 7)
    with StepCount() as count:
        (left @ right).view(7, 3).transpose(0, 1)
    assert count.costs_of("other", "forward").bytes == 4 * (3 * 5 + 5 * 7 + 3 * 7)
