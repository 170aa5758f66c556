"""Convolutions that the CPU's library computes wrongly in 16 bits, found by computing them.

oneDNN 3.10 returns noise for convolutions in groups of few channels on CPUs with AMX, without an
error: HuBERT's positional convolution with 12 channels per group and an even kernel is one of them,
the published one with 48 is none. Training goes on with it, and learns less.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from lightning_modules.errors import ModelError

DTYPES = {"bf16": torch.bfloat16, "16": torch.float16}
# Rounding of inputs, weights and outputs makes 0.3 % in bfloat16; what is wrong is off by 100 %.
MOST_ERROR = 0.05
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
FEWEST_POSITIONS = 16


def refuse_wrong_convolutions(model: nn.Module, precision: str) -> None:
    """Compute each kind of convolution of a model once, in its precision and in float32.

    Args:
        model: Whose convolutions will run on a CPU.
        precision: As Lightning names it; one of float32 or more is not looked at.

    Raises:
        ModelError: One comes out wrong.
    """
    dtype = DTYPES.get(precision.partition("-")[0])
    if dtype is None:
        return
    for name, convolution in _one_of_each_kind(model):
        error = error_of(convolution, dtype)
        if not error <= MOST_ERROR:
            raise ModelError(
                f"`precision` must be 32-true for this model on this CPU, got {precision}: its "
                f"library computes {name} wrongly (by {error:.0%}); with "
                "ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 in the environment it may be right"
            )


def error_of(convolution: Any, dtype: torch.dtype) -> float:
    """Return how far its outputs for noise lie from those in float32, relative to their size.

    Args:
        convolution: One of torch's, whose settings count; its weights are not looked at.
        dtype: Of inputs, weights and outputs.
    """
    given = torch.Generator().manual_seed(0)
    size = [max(FEWEST_POSITIONS, d * (k - 1) + 1) for k, d in _kernel(convolution)]
    inputs = torch.randn(1, convolution.in_channels, *size, generator=given)
    fewer = convolution.in_channels // convolution.groups
    weight = torch.randn(
        convolution.out_channels, fewer, *convolution.kernel_size, generator=given
    ).to(dtype)
    inputs = inputs.to(dtype)
    with torch.no_grad():
        wanted = _convolve(convolution, inputs.float(), weight.float())
        found = _convolve(convolution, inputs, weight).float()
    return float((found - wanted).norm() / wanted.norm())


def _convolve(convolution: Any, inputs: Tensor, weight: Tensor) -> Tensor:
    function = getattr(nn.functional, f"conv{len(convolution.kernel_size)}d")
    found: Tensor = function(
        inputs,
        weight,
        None,
        convolution.stride,
        convolution.padding,
        convolution.dilation,
        convolution.groups,
    )
    return found


def _one_of_each_kind(model: nn.Module) -> Iterator[tuple[str, Any]]:
    seen = set()
    for name, module in model.named_modules():
        if isinstance(module, CONVOLUTIONS):
            settings = ("in_channels", "out_channels", "kernel_size", "stride")
            more = ("padding", "dilation", "groups")
            kind = tuple(getattr(module, each) for each in (*settings, *more))
            if kind not in seen:
                seen.add(kind)
                yield name, module


def _kernel(convolution: Any) -> list[tuple[int, int]]:
    return list(zip(convolution.kernel_size, convolution.dilation, strict=True))
