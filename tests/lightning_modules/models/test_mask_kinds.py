"""A variant takes a mask of any kind: whatever is not zero is real."""

from typing import Any

import pytest
import torch

from lightning_modules.variants import find_variant
from tests.samples.variants.models import VARIANT_CASES, batch_of, build, predict

TAKES_A_MASK = [
    (modality, name)
    for modality, name in VARIANT_CASES
    if modality != "vision" and find_variant(modality, name).takes_mask
]


@pytest.mark.parametrize(("modality", "variant"), TAKES_A_MASK)
def test_whatever_is_not_zero_is_real(modality: str, variant: str) -> None:
    module: Any = build(modality, variant)
    length = find_variant(modality, variant).minimum_length + 30
    batch = batch_of(modality, length, batch_size=1)
    inputs = batch["input_ids" if modality == "text" else "input_values"]
    width = inputs.shape[1]
    ones = (torch.arange(width) < width - width // 9).long()[None]
    expected = predict(module, batch | {"attention_mask": ones})
    for mask in (ones.bool(), 0.5 * ones, 2 * ones.bfloat16()):
        assert torch.equal(predict(module, batch | {"attention_mask": mask}), expected), mask.dtype
