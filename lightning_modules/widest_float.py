"""The number format for sums that must be right: double precision, where a device has it."""

import torch
from torch import Tensor

# Kinds of devices that refuse a tensor of float64.
WITHOUT_FLOAT64 = ("mps",)


def widest_float(device: torch.device) -> torch.dtype:
    """Return float64, or float32 for a device that has no wider format."""
    return torch.float32 if device.type in WITHOUT_FLOAT64 else torch.float64


def widened(values: Tensor) -> Tensor:
    """Return a tensor in the widest format of its device, of the same shape."""
    return values.to(widest_float(values.device))
