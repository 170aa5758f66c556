"""Models that torch.compile traces: what they ask of values must not change what they compute."""

import pytest
import torch

from lightning_modules.models.text.nystromformer import NystromformerModule


@pytest.mark.parametrize("tokens", [128, 150])  # as long as it computes on, and padded
def test_a_traced_nystromformer_computes_what_it_computes_otherwise(tokens: int) -> None:
    torch.manual_seed(0)
    module = NystromformerModule(num_classes=90, size="tiny", max_length=192).eval()
    ids = torch.randint(1, 90, (2, tokens))
    with torch.no_grad():
        plain = module(ids)
        module.compile(dynamic=False, backend="eager")
        traced = module(ids)
    torch.compiler.reset()
    torch.testing.assert_close(traced, plain)
