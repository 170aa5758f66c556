"""Floating point operations of torch's operators: a multiplication and an addition are two.

Products of matrices, convolutions and Fourier transforms alone; all else is bounded by memory.
Torch's own counter lacks fused attention on a CPU and Fourier transforms, and counts the gradient
of a grouped convolution's weight as often as there are groups.
"""

from collections.abc import Callable, Sequence
from math import log2, prod
from typing import Any, NamedTuple

from torch import Tensor


class OperatorFlops(NamedTuple):
    """What one call of an operator computes.

    Args:
        flops: Once.
        recomputed: What it computes again, because nobody kept it.
    """

    flops: float = 0.0
    recomputed: float = 0.0


def flops_of(name: str, args: Sequence[Any], output: Any) -> OperatorFlops:
    """Count the operations of one call.

    Args:
        name: Of the operator, without its overload, such as "addmm".
        args: With which it was called.
        output: What it returned.
    """
    if "scaled_dot_product" in name:
        return _fused_attention(name, args)
    count = _FLOPS.get(name)
    return OperatorFlops(count(args, output)) if count else OperatorFlops()


def _fused_attention(name: str, args: Sequence[Any]) -> OperatorFlops:
    """Count two products forward and four backward; backward computes the scores again."""
    is_backward = name.endswith("_backward")
    query, key, value = args[1:4] if is_backward else args[:3]
    pairs = query.numel() // query.shape[-1] * key.shape[-2]
    scores, sums = 2.0 * pairs * query.shape[-1], 2.0 * pairs * value.shape[-1]
    if is_backward:
        return OperatorFlops(2 * (scores + sums), scores)
    return OperatorFlops(scores + sums)


def _product(left: Tensor, right: Tensor) -> float:
    """Count (..., rows, summed) times (..., summed, columns)."""
    return 2.0 * left.numel() * right.shape[-1]


def _matrix_vector(args: Sequence[Any], output: Any) -> float:
    return 2.0 * float(args[-2].numel())


def _linear(args: Sequence[Any], output: Any) -> float:
    return 2.0 * float(args[0].numel()) * float(args[1].shape[0])


def _convolution(args: Sequence[Any], output: Any) -> float:
    inputs, weight, transposed = args[0], args[1], args[6]
    return _one_convolution(inputs if transposed else output, weight)


def _convolution_backward(args: Sequence[Any], output: Any) -> float:
    """Count one convolution for each gradient that is wanted, of inputs and of weight."""
    gradient, inputs, weight, transposed, wanted = *args[:3], args[7], args[10]
    once = _one_convolution(inputs if transposed else gradient, weight)
    return float(sum(wanted[:2])) * once


def _one_convolution(steps: Tensor, weight: Tensor) -> float:
    """Count a convolution: each of its steps meets the weights of its own group alone.

    Args:
        steps: (batch, channels, ...), its outputs; its inputs where it is transposed.
        weight: (channels, channels of one group, ...).
    """
    return 2.0 * steps.numel() * prod(weight.shape[1:])


def _complex_transform(args: Sequence[Any], output: Any) -> float:
    """Count 5 N log2 N for N complex numbers, whatever the algorithm that the factors of N allow.

    The convention of FFTW's benchmarks (Frigo and Johnson 2005), exact for none and near for powers
    of two. A transform over several dimensions is one over each, and logarithms add up.
    """
    return 5.0 * _transformed(output, args[1])


def _real_transform(args: Sequence[Any], output: Any) -> float:
    """Count half of a complex one: that of as many numbers as the real side has."""
    real = output if args[0].is_complex() else args[0]
    return 2.5 * _transformed(real, args[1])


def _transformed(numbers: Tensor, dims: Sequence[int]) -> float:
    return numbers.numel() * log2(prod(int(numbers.shape[dim]) for dim in dims))


def _of_matrices(first: int) -> Callable[[Sequence[Any], Any], float]:
    return lambda args, output: _product(args[first], args[first + 1])


_FLOPS: dict[str, Callable[[Sequence[Any], Any], float]] = {
    "mm": _of_matrices(0),
    "bmm": _of_matrices(0),
    "addmm": _of_matrices(1),
    "addbmm": _of_matrices(1),
    "baddbmm": _of_matrices(1),
    "mv": _matrix_vector,
    "addmv": _matrix_vector,
    "dot": _matrix_vector,
    "linear": _linear,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "_fft_c2c": _complex_transform,
    "_fft_r2c": _real_transform,
    "_fft_c2r": _real_transform,
}
