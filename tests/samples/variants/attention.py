"""Queries, keys and values made by hand, and how far results are from exact ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from lightning_modules.attention import IMPLEMENTATIONS, local_attention
from lightning_modules.kernel_limits import KernelUse, limit_of

BUILT = ("local_compiled",)  # by a compiler that is not always there


class Inputs(NamedTuple):
    """Of attention, each (batch, heads, tokens, head_dim)."""

    query: Tensor
    key: Tensor
    value: Tensor


def draw_inputs(
    shape: Sequence[int], dtype: torch.dtype = torch.float64, device: str = "cpu", seed: int = 0
) -> Inputs:
    """Draw all three; of one seed they are the same in every dtype, but for rounding."""
    generator = torch.Generator().manual_seed(seed)
    drawn = (torch.randn(*shape, generator=generator, dtype=torch.float64) for _ in range(3))
    return Inputs(*(tensor.to(device, dtype) for tensor in drawn))


def attend(
    given: Inputs, window: int, mask: Tensor | None = None, implementation: str = "local_blocked"
) -> list[Tensor]:
    """Return the output and the gradients of query, key and value, for one fixed loss."""
    leaves = Inputs(*(tensor.detach().clone().requires_grad_() for tensor in given))
    output = local_attention(*leaves, window, mask, implementation=implementation)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(*output.shape, generator=generator, dtype=torch.float64)
    gradients = torch.autograd.grad(output, leaves, weights.to(output))
    return [output.detach(), *gradients]


def in_float64(given: Inputs) -> Inputs:
    """Return the same numbers with more digits."""
    return Inputs(*(tensor.double() for tensor in given))


def relative_error(found: Sequence[Tensor], exact: Sequence[Tensor]) -> float:
    """Return the largest error over the largest exact value of the same tensor, or over one."""
    errors = [
        (one.double() - truth).abs().max() / truth.abs().max().clamp(min=1.0)
        for one, truth in zip(found, exact, strict=True)
    ]
    return torch.stack(errors).max().item()  # unlike Python's, NaN is the largest


def kernels_here(but: str | None = None) -> list[str]:
    """Name the implementations that train on this CPU, those that can be built among them."""
    use = KernelUse("cpu", is_half=False, needs_gradients=True, has_dropout=False)
    return [name for name in sorted(set(IMPLEMENTATIONS) - {but}) if limit_of(name, use) is None]


def implementations_here(but: str | None = None, has_dropout: bool = False) -> list[Any]:
    """Name the implementations that train on a CPU, as parameters of a test.

    One that has to be built is skipped where it cannot be, with the reason.
    """
    cases = []
    for name in sorted(set(IMPLEMENTATIONS) - {but}):
        why_never = limit_of(name, KernelUse("cpu", False, True, has_dropout))
        is_built = name in BUILT and not has_dropout
        if why_never is None or is_built:
            skips = pytest.mark.skipif(why_never is not None, reason=f"{name}: {why_never}")
            cases.append(pytest.param(name, marks=skips))
    return cases
