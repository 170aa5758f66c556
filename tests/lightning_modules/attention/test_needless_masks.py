"""A compiled forward masks where something is masked, and nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel, HubertConfig, HubertModel
from transformers.masking_utils import create_bidirectional_mask

import lightning_modules.attention.interface  # noqa: F401 - whose import is what is tested

SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "intermediate_size": 40,
}
FUSED = functional.scaled_dot_product_attention


def _build(kind: str) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    if kind == "bert":
        return BertModel(BertConfig(vocab_size=31, **SIZES)).eval(), torch.ones(2, 40).long()
    speech = SIZES | {"conv_dim": (8,) * 7, "num_conv_pos_embedding_groups": 2}
    return HubertModel(HubertConfig(**speech)).eval(), torch.randn(2, 400 + 39 * 320)


def _compiled(run: Callable[..., Any]) -> tuple[Callable[..., Any], list[bool]]:
    """Return a function that torch has followed, and whether each of its attentions is masked."""
    is_masked: list[bool] = []

    def note(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., Any]:
        calls = [node for node in graph.graph.nodes if node.target is FUSED]
        is_masked.extend(node.kwargs.get("attn_mask") is not None for node in calls)
        return graph.forward

    return torch.compile(run, backend=note), is_masked


@pytest.mark.parametrize("kind", ["bert", "hubert"])
def test_a_compiled_model_makes_no_mask_where_nothing_is_padded(kind: str) -> None:
    model, given = _build(kind)
    run, is_masked = _compiled(model)
    with torch.no_grad():
        found = run(given).last_hidden_state
    assert is_masked == [False, False]
    torch.testing.assert_close(found, model(given).last_hidden_state)


@pytest.mark.parametrize("kind", ["bert", "hubert"])
def test_a_compiled_model_masks_padding(kind: str) -> None:
    model, given = _build(kind)
    padding = torch.ones_like(given, dtype=torch.long)
    padding[1, given.shape[1] // 2 :] = 0
    run, is_masked = _compiled(model)
    with torch.no_grad():
        found = run(given, attention_mask=padding).last_hidden_state
        expected = model(given, attention_mask=padding).last_hidden_state
    assert is_masked == [True, True]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
def test_who_asks_for_a_mask_that_masks_nothing_gets_it(kernel: str) -> None:
    config = BertConfig(vocab_size=31, **SIZES)
    config._attn_implementation = kernel
    made = create_bidirectional_mask(
        config, torch.zeros(2, 5, 24), None, allow_is_bidirectional_skip=False
    )
    assert made is not None
    assert made.shape == (2, 1, 5, 5)
