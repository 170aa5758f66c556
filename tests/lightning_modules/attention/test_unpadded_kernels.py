"""An unpadded model packs for its own kernel alone."""

from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel, HubertConfig, HubertModel

from lightning_modules.attention.interface import find_implementations, localize
from lightning_modules.attention.unpadded import unpad
from lightning_modules.errors import ModelError

SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "intermediate_size": 40,
}
SPEECH: dict[str, Any] = SIZES | {
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "feat_extract_norm": "layer",
}
KINDS = ["bert", "hubert", "stable"]


def _build(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "bert":
        return BertModel(BertConfig(vocab_size=31, **SIZES)).eval()
    return HubertModel(HubertConfig(**SPEECH, do_stable_layer_norm=kind == "stable")).eval()


@torch.no_grad()
def _states(model: Any) -> torch.Tensor:
    """Return the states of two samples, of which the second is padded from its middle on."""
    is_text = isinstance(model, BertModel)
    tokens = 40 if is_text else 400 + 39 * 320
    mask = torch.ones(2, tokens, dtype=torch.long)
    mask[1, tokens // 2 :] = 0
    torch.manual_seed(1)
    given = torch.randint(1, 31, (2, tokens)) if is_text else torch.randn(2, tokens)
    states: torch.Tensor = model(given, attention_mask=mask).last_hidden_state
    return torch.cat([states[0], states[1, :18]])  # real ones


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("implementation", ["sdpa", "eager", "local_blocked", "local_masked"])
def test_another_kernel_given_afterwards_keeps_samples_apart(
    kind: str, implementation: str
) -> None:
    found = []
    for model in (_build(kind), unpad(_build(kind))):
        if implementation.startswith("local"):
            localize(model, 8, implementation)
        else:
            model.set_attn_implementation(implementation)
        found.append(_states(model))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_local_model_is_refused_and_left_as_it_was(kind: str) -> None:
    model = localize(_build(kind), 8)
    kinds = [type(part) for part in model.modules()]
    with pytest.raises(ModelError, match="unknown `implementation` 'unpadded' for a model whose"):
        unpad(model)
    assert [type(part) for part in model.modules()] == kinds
    assert find_implementations(model) == {"local_blocked"}


class _FromANotebook(BertModel):
    """A class of which transformers reads that its kernel cannot be chosen."""

    @classmethod
    def _can_set_attn_implementation(cls) -> bool:
        return False


def test_a_model_whose_kernel_cannot_be_chosen_is_refused_and_left_as_it_was() -> None:
    model = _FromANotebook(BertConfig(vocab_size=31, **SIZES))
    kinds = [type(part) for part in model.modules()]
    with pytest.raises(ModelError, match="'unpadded' cannot be chosen for _FromANotebook"):
        unpad(model)
    assert [type(part) for part in model.modules()] == kinds


@pytest.mark.parametrize("kind", KINDS)
def test_an_unpadded_model_can_be_unpadded_again(kind: str) -> None:
    once, again = unpad(_build(kind)), unpad(_build(kind))
    again.set_attn_implementation("sdpa")
    unpad(unpad(again))
    assert find_implementations(again) == {"unpadded"}
    torch.testing.assert_close(_states(again), _states(once))
