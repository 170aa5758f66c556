"""Mean and variance of a convolution over a recording of any length, chunk by chunk."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lightning_modules.widest_float import widened, widest_float


def mean_and_variance(
    conv: nn.Conv1d, input_values: Tensor, chunk_samples: int
) -> tuple[Tensor, Tensor]:
    """Return mean and variance of each channel of a convolution over time.

    They are in the widest format of the device.

    Chunks are merged by Chan, Golub and LeVeque's update, which does not cancel.

    Returns:
        Two of (batch, channels, 1).
    """
    count = 0
    device = input_values.device
    mean = squares = torch.zeros((), dtype=widest_float(device), device=device)
    for chunk in _input_chunks(conv, input_values, chunk_samples):
        hidden = widened(conv(chunk))
        added = hidden.shape[-1]
        variance, own_mean = torch.var_mean(hidden, -1, correction=0, keepdim=True)
        difference = own_mean - mean
        total = count + added
        squares = squares + variance * added + difference.square() * (count * added / total)
        mean = mean + difference * (added / total)
        count = total
        # It is the largest of all tensors, and the next chunk's would be made beside it.
        del hidden
    return mean, squares / count


def _input_chunks(conv: nn.Conv1d, input_values: Tensor, chunk_samples: int) -> Iterator[Tensor]:
    """Cut a waveform so that every output of the convolution is made exactly once."""
    (width,), (stride,) = conv.kernel_size, conv.stride
    outputs = (input_values.shape[-1] - width) // stride + 1
    step = max(1, chunk_samples // stride)
    for begin in range(0, outputs, step):
        end = min(begin + step, outputs)
        yield input_values[:, None, begin * stride : (end - 1) * stride + width]
