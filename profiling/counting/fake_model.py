"""Models whose tensors have shapes, dtypes and a device, and no values: nothing is computed."""

from typing import Any

import torch
from lightning.pytorch.plugins.precision import HalfPrecision, MixedPrecision, Precision
from torch import Tensor, nn


def empty_model(model: nn.Module, device: str) -> None:
    """Replace all weights and buffers of a model by empty ones; weights that are shared stay so.

    Call it inside a `FakeTensorMode`, which gives them no memory.

    Args:
        model: On any device, also "meta".
        device: That the model is to believe it is on.
    """
    replaced: dict[int, Tensor] = {}
    for module in model.modules():
        for table in (module._parameters, module._buffers):
            for name, tensor in table.items():
                if tensor is not None:
                    if id(tensor) not in replaced:
                        replaced[id(tensor)] = _empty(tensor, device)
                    table[name] = replaced[id(tensor)]  # type: ignore[assignment]


def empty_batch(batch: dict[str, Tensor], device: str) -> dict[str, Tensor]:
    """Return a batch of the same shapes on a device."""
    return {name: torch.empty_like(values, device=device) for name, values in batch.items()}


def precision_plugin(precision: str, device: str) -> Precision:
    """Return what Lightning does for a number format.

    Args:
        precision: Such as "32-true" or "bf16-mixed".
        device: "cpu" or "cuda".
    """
    name: Any = precision
    if precision.endswith("-mixed"):
        return MixedPrecision(name, device)
    return Precision() if precision == "32-true" else HalfPrecision(name)


def _empty(tensor: Tensor, device: str) -> Tensor:
    empty = torch.empty_like(tensor, device=device)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, requires_grad=tensor.requires_grad)
    return empty
