"""Longformer without the square mask that the library builds."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.samples.variants.models import (
    batch_of,
    build,
    predict,
    with_same_weights,
)


class _SquareSpy(TorchDispatchMode):
    """Notes the element count of the largest tensor."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.largest = max(self.largest, tensor.numel())
        return result


@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize("length", [48, 61])
def test_mask_fixed_longformer_gives_the_outputs_of_the_library(is_padded, length):
    library, fixed = with_same_weights(
        "text",
        {"variant": "longformer", "implementation": "library"},
        {"variant": "longformer", "implementation": "mask_fixed"},
    )
    batch = batch_of("text", length)
    if is_padded:
        batch["attention_mask"] = (torch.arange(length) < torch.tensor([[length], [30]])).long()
    # Their masks lie differently in memory, and a kernel may round by that; float64 hides it.
    found, expected = (predict(module.double(), batch) for module in (fixed, library))
    torch.testing.assert_close(found, expected)


def test_mask_fixed_longformer_builds_no_square_mask_and_the_library_does():
    largest = {}
    for implementation in ("library", "mask_fixed"):
        module = build("text", "longformer", implementation=implementation, max_length=1600)
        with _SquareSpy() as spy:
            predict(module, batch_of("text", 1600, batch_size=1))
        largest[implementation] = spy.largest
    assert largest["library"] >= 1600**2
    assert largest["mask_fixed"] < 1600**2 / 2
