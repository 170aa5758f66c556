"""Weights of attention that a model is asked for and no fused kernel holds."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel, SiglipVisionConfig, SiglipVisionModel

from lightning_modules.attention.interface import find_implementations, localize
from lightning_modules.attention.unpadded import unpad
from lightning_modules.errors import ModelError
from lightning_modules.lhubert import LHubertConfig, LHubertModel

SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
}
SPEECH: dict[str, Any] = {
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 3,
    "output_attentions": True,
}
IDS = torch.arange(5, 25).expand(2, -1)


def _bert(**more: Any) -> Any:
    return BertModel(BertConfig(vocab_size=30, **SIZES, **more)).eval()


def _local(model: Any) -> Any:
    return localize(model, 8)


@pytest.mark.parametrize("change", [_local, unpad])
def test_a_configuration_that_asks_for_weights_is_refused_and_left_as_it_was(
    change: Callable[[Any], Any],
) -> None:
    model = _bert(output_attentions=True)
    stored, kernels = model.config.to_dict(), find_implementations(model)
    with pytest.raises(ModelError, match="`output_attentions` must be false in the configuration"):
        change(model)
    assert model.config.to_dict() == stored
    assert find_implementations(model) == kernels


def test_a_model_that_is_local_by_its_class_is_refused_with_such_a_configuration() -> None:
    with pytest.raises(ModelError, match="`output_attentions` must be false"):
        LHubertModel(LHubertConfig(**SIZES, **SPEECH))


def test_a_call_that_asks_for_weights_is_refused_where_layers_do_not_hand_it_on() -> None:
    config = SiglipVisionConfig(image_size=48, patch_size=8, **SIZES)
    model = _local(SiglipVisionModel(config).eval())
    pixels = torch.randn(1, 3, 48, 48)
    with torch.no_grad():
        assert model(pixels, output_hidden_states=True).hidden_states
        with pytest.raises(ModelError, match="`output_attentions` must be false: local attention"):
            model(pixels, output_attentions=True)
        assert model(pixels).last_hidden_state.isfinite().all()


@pytest.mark.parametrize("mask", [None, torch.arange(20) < torch.tensor([[20], [9]])])
def test_an_unpadded_model_that_is_asked_for_weights_refuses(mask: torch.Tensor | None) -> None:
    model = unpad(_bert())
    with pytest.raises(ModelError, match="`output_attentions` must be false: `unpadded` never"):
        model(IDS, attention_mask=mask, output_attentions=True)


def test_a_compiled_model_refuses_too() -> None:
    model = _local(_bert())
    model.compile(backend="eager")
    with pytest.raises(ModelError, match="`output_attentions` must be false"):
        model(IDS, output_attentions=True)


def test_torchs_compiler_follows_a_layer_alone() -> None:
    layer, hidden = _local(_bert()).encoder.layer[0], torch.randn(1, 20, 24)
    assert torch._dynamo.explain(layer)(hidden).graph_break_count == 0
