"""A model that is local says so wherever it goes, and is local again wherever it comes from."""

import copy
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    HubertConfig,
    HubertModel,
    LongformerConfig,
    LongformerModel,
    VisionTextDualEncoderModel,
    ViTConfig,
    ViTModel,
)

from lightning_modules.attention.interface import find_implementations, find_windows, localize
from lightning_modules.errors import ModelError
from lightning_modules.lhubert import LHubertConfig, LHubertModel

SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "initializer_range": 0.3,
}
SPEECH = SIZES | {
    "conv_dim": (12,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 3,
    "layerdrop": 0.0,
}


def _bert() -> Any:
    return BertModel(BertConfig(vocab_size=60, **SIZES)).eval()


def _masked_lm() -> Any:
    return BertForMaskedLM(BertConfig(vocab_size=60, **SIZES)).eval()


def _hubert() -> Any:
    return HubertModel(HubertConfig(**SPEECH)).eval()


def _lhubert() -> Any:
    return LHubertModel(LHubertConfig(**SPEECH, attention_window=6)).eval()


def _vit() -> Any:
    return ViTModel(ViTConfig(image_size=48, patch_size=8, **SIZES)).eval()


def _inputs(model: Any) -> Any:
    generator = torch.Generator().manual_seed(1)
    if isinstance(model, ViTModel):
        return torch.randn(2, 3, 48, 48, generator=generator)
    if isinstance(model, HubertModel):
        return torch.randn(2, 400 + 320 * 39, generator=generator)
    return torch.randint(5, 50, (2, 40), generator=generator)


@torch.no_grad()
def _outputs(model: Any) -> torch.Tensor:
    found: torch.Tensor = model(_inputs(model))[0]
    return found


def _saved_and_loaded(model: Any, folder: Path) -> Any:
    model.save_pretrained(folder)
    return type(model).from_pretrained(folder).eval()


def _through_auto(model: Any, folder: Path) -> Any:
    model.save_pretrained(folder)
    return AutoModel.from_pretrained(folder).eval()


def _built_again(model: Any, folder: Path) -> Any:
    again = type(model)(copy.deepcopy(model.config)).eval()
    again.load_state_dict(model.state_dict())
    return again


BUILDERS = [_bert, _masked_lm, _hubert, _lhubert, _vit]
WAYS = [_saved_and_loaded, _built_again]


@pytest.mark.parametrize("windows", [4, [2, 10]])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("build", BUILDERS)
def test_a_local_model_comes_back_with_its_windows(
    build: Callable[[], Any],
    way: Callable[[Any, Path], Any],
    windows: int | list[int],
    tmp_path: Path,
) -> None:
    model = build()
    full = _outputs(model)
    localize(model, windows, "local_masked")
    again = way(model, tmp_path)
    assert find_windows(again) == ([4, 4] if windows == 4 else windows)
    assert find_implementations(again) == {"local_masked"}
    assert not torch.allclose(_outputs(model), full)
    torch.testing.assert_close(_outputs(again), _outputs(model))


@pytest.mark.parametrize("build", [_bert, _hubert, _lhubert, _vit])
def test_auto_classes_find_a_local_model_local(build: Callable[[], Any], tmp_path: Path) -> None:
    model = localize(build(), 4)
    torch.testing.assert_close(_outputs(_through_auto(model, tmp_path)), _outputs(model))


def test_the_encoder_of_a_local_model_with_a_head_is_local(tmp_path: Path) -> None:
    localize(_masked_lm(), [2, 10]).save_pretrained(tmp_path)
    assert find_windows(AutoModel.from_pretrained(tmp_path)) == [2, 10]


@pytest.mark.parametrize("name", ["sdpa", "eager", {"": "sdpa"}])
def test_full_attention_is_refused_to_a_local_model(name: Any, tmp_path: Path) -> None:
    model = localize(_bert(), 4)
    with pytest.raises(ModelError, match="configuration says local"):
        model.set_attn_implementation(name)
    assert find_implementations(model) == {"local_blocked"}


@pytest.mark.parametrize("name", ["sdpa", "eager", None])
def test_full_attention_cannot_be_assigned_to_a_local_model(name: Any) -> None:
    model = localize(_bert(), 4)
    with pytest.raises(ModelError, match="configuration says local"):
        model.config._attn_implementation = name
    assert find_implementations(model) == {"local_blocked"}


def test_a_model_with_a_local_part_refuses_full_attention_for_it() -> None:
    text, vision = localize(_bert(), 4), _vit()
    model = VisionTextDualEncoderModel(vision_model=vision, text_model=text)
    with pytest.raises(ModelError, match="configuration says local"):
        model.set_attn_implementation("sdpa")
    assert find_implementations(text) == {"local_blocked"}


def test_a_kernel_that_attends_to_everything_is_refused_when_loading(tmp_path: Path) -> None:
    localize(_bert(), 4).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="'eager'"):
        BertModel.from_pretrained(tmp_path, attn_implementation="eager")


def test_another_local_kernel_is_noted(tmp_path: Path) -> None:
    model = localize(_bert(), 4)
    model.set_attn_implementation("local_masked")
    assert find_implementations(_saved_and_loaded(model, tmp_path)) == {"local_masked"}
    chosen = BertModel.from_pretrained(tmp_path, attn_implementation="local_blocked")
    assert chosen.config.local_implementation == "local_blocked"


def test_a_configuration_that_is_changed_behind_the_layers_is_refused() -> None:
    model = localize(_bert(), 4)
    model.config.attention_window = 8
    with pytest.raises(ModelError, match=r"`localize\(model, 8\)`"):
        _outputs(model)
    _outputs(localize(model, 8))


def test_one_window_per_layer_is_refused_for_another_number_of_layers(tmp_path: Path) -> None:
    localize(_bert(), [2, 10]).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="`attention_window`"):
        BertModel.from_pretrained(tmp_path, num_hidden_layers=1)


def test_a_configuration_without_the_kernel_is_the_way_back_to_full_attention(
    tmp_path: Path,
) -> None:
    model = _bert()
    full = _outputs(model)
    localize(model, 4).save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        again = BertModel.from_pretrained(tmp_path, local_implementation=None).eval()
    torch.testing.assert_close(_outputs(again), full)


def test_plain_models_are_saved_as_they_were(tmp_path: Path) -> None:
    _bert().save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert {"attention_window", "local_implementation"}.isdisjoint(saved)


@pytest.mark.parametrize("build", BUILDERS)
def test_weights_of_attention_are_refused_in_one_sentence(build: Callable[[], Any]) -> None:
    model = localize(build(), 4)
    with pytest.raises(ModelError, match="`output_attentions`"):
        model(_inputs(model), output_attentions=True)


LOADS: list[Callable[..., Any]] = [
    lambda made, folder, **asked: made.from_pretrained(folder, **asked),
    lambda made, folder, **asked: AutoModel.from_pretrained(folder, **asked),
    lambda made, folder, **asked: AutoModel.from_config(
        AutoConfig.from_pretrained(folder), **asked
    ),
    lambda made, folder, **asked: AutoModel.from_config(
        AutoConfig.from_pretrained(folder, **asked)
    ),
]


@pytest.mark.parametrize("make", [lambda: localize(_bert(), 8), _lhubert])
@pytest.mark.parametrize("asked", ["sdpa", "eager", {"": "sdpa"}])
def test_a_local_model_that_is_loaded_with_full_attention_by_name_is_refused(
    make: Callable[[], Any], asked: Any, tmp_path: Path
) -> None:
    model = make()
    model.save_pretrained(tmp_path)
    for load in LOADS:
        with pytest.raises(ModelError, match="for a model whose configuration says local"):
            load(type(model), tmp_path, attn_implementation=asked)
    assert find_windows(AutoModel.from_pretrained(tmp_path)) == find_windows(model)


def test_an_older_lhubert_that_is_loaded_as_a_hubert_is_said_to_be_full(tmp_path: Path) -> None:
    _lhubert().save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())
    del stored["local_implementation"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    with pytest.warns(UserWarning, match="`attention_window` of 6 .* HubertModel computes with fu"):
        HubertModel.from_pretrained(tmp_path)
    assert find_windows(LHubertModel.from_pretrained(tmp_path)) == [6, 6]


def test_a_model_of_the_library_that_has_windows_is_not_warned_of() -> None:
    config = LongformerConfig(vocab_size=60, attention_window=4, **SIZES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LongformerModel(config)


class _FromANotebook(BertModel):
    """A class of which transformers reads that its kernel cannot be chosen."""

    @classmethod
    def _can_set_attn_implementation(cls) -> bool:
        return False


def _whose_kernel_cannot_be_chosen() -> Any:
    return _FromANotebook(BertConfig(vocab_size=60, **SIZES))


def _with_such_a_part() -> Any:
    text = _whose_kernel_cannot_be_chosen()
    return VisionTextDualEncoderModel(vision_model=_vit(), text_model=text)


@pytest.mark.parametrize("build", [_whose_kernel_cannot_be_chosen, _with_such_a_part])
def test_a_model_whose_kernel_cannot_be_chosen_is_refused_and_left_as_it_was(
    build: Callable[[], Any],
) -> None:
    model = build()
    stored, kernels = model.config.to_dict(), find_implementations(model)
    with pytest.raises(ModelError, match="'local_blocked' cannot be chosen for"):
        localize(model, 4)
    assert model.config.to_dict() == stored
    assert find_implementations(model) == kernels
    assert set(find_windows(model)) == {None}
