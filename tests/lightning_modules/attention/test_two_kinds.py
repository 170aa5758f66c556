"""`localize` for encoders with layers of two kinds, against the library's own dense bands."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AttentionInterface,
    AutoModel,
    BertConfig,
    BertModel,
    ModernBertConfig,
    OpenAIPrivacyFilterConfig,
    OpenAIPrivacyFilterModel,
    T5Gemma2TextConfig,
)
from transformers.models.t5gemma2.modeling_t5gemma2 import T5Gemma2TextEncoder

from lightning_modules.attention import local_attention
from lightning_modules.attention.interface import find_implementations, find_windows, localize
from lightning_modules.attention.unpadded import NAME as UNPADDED
from lightning_modules.errors import ModelError
from tests.samples.variants.attention import implementations_here
from tests.samples.variants.largest import Largest
from tests.samples.variants.two_kinds import (
    ENCODERS,
    GROUPED,
    KINDS,
    WINDOW,
    build_encoder,
    modernbert,
)

# Below the window, where it just covers all, where it just does not, and far above.
LENGTHS = [4, 7, 8, 90]


def _ids(tokens: int) -> Tensor:
    return torch.randint(5, 60, (2, tokens), generator=torch.Generator().manual_seed(tokens))


def _padding_of(ids: Tensor) -> Tensor:
    mask = torch.ones_like(ids)
    mask[1, 2 * ids.shape[1] // 3 :] = 0
    return mask


def _computed(model: Any, ids: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Return the outputs at real tokens and the gradients of all parameters, for a fixed loss."""
    model.zero_grad()
    output = model(ids, attention_mask=mask)[0]
    output = output if mask is None else output[mask.bool()]
    generator = torch.Generator().manual_seed(1)
    (output * torch.randn(output.shape, generator=generator)).sum().backward()
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    return [output.detach(), *gradients]


def _differ(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Return the largest difference over the largest value of the same tensor, or over one."""
    assert len(found) == len(expected)
    return max(
        ((one - other).abs().max() / other.abs().max().clamp(min=1)).item()
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize("name", ENCODERS)
def test_a_localized_encoder_computes_what_the_library_computes(name: str, is_padded: bool) -> None:
    model = build_encoder(name)
    for tokens in LENGTHS:
        ids = _ids(tokens)
        mask = _padding_of(ids) if is_padded else None
        expected = {}
        for kernel in ("eager", "sdpa"):
            library = build_encoder(name)
            library.set_attn_implementation(kernel)
            expected[kernel] = _computed(library, ids, mask)
        found = _computed(localize(model, None), ids, mask)
        assert find_windows(model) == ENCODERS[name][1]
        for kernel in expected:
            assert _differ(found, expected[kernel]) < 1e-4, (kernel, tokens)


@pytest.mark.parametrize("implementation", implementations_here(but="local_blocked"))
def test_other_kernels_take_the_models_windows_too(implementation: str) -> None:
    ids = _ids(90)
    mask = _padding_of(ids)
    expected = _computed(build_encoder("modernbert"), ids, mask)
    found = _computed(localize(build_encoder("modernbert"), None, implementation), ids, mask)
    assert _differ(found, expected) < 1e-4


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("difference", [-2, 2])
def test_a_token_more_or_less_on_each_side_is_another_model(name: str, difference: int) -> None:
    ids = _ids(60)
    with torch.no_grad():
        expected = build_encoder(name)(ids)[0]
        windows = [w and w + difference for w in ENCODERS[name][1]]
        found = localize(build_encoder(name), windows)(ids)[0]
    assert _differ([found], [expected]) > 1e-3


@pytest.mark.parametrize("is_padded", [False, True])
def test_no_tensor_grows_with_the_square_of_the_tokens(is_padded: bool) -> None:
    ids = _ids(1200)
    mask = _padding_of(ids) if is_padded else None
    largest = {}
    for kernel in ("sdpa", "local_blocked"):
        model = build_encoder("modernbert")
        if kernel == "local_blocked":
            localize(model, None)
        with Largest() as seen:
            _computed(model, ids, mask)
        largest[kernel] = seen.elements
    assert largest["sdpa"] >= 1200**2
    assert largest["local_blocked"] < 1200**2 / 2


@pytest.mark.parametrize("name", ENCODERS)
def test_it_comes_back_with_both_kinds_of_layers(name: str, tmp_path: Path) -> None:
    model = localize(build_encoder(name), None, "local_masked")
    model.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())["attention_window"]
    assert written == ENCODERS[name][1]
    for load in (type(model), AutoModel):
        again = load.from_pretrained(tmp_path).eval()
        assert find_windows(again) == written
        assert find_implementations(again) == {"local_masked"}
        with torch.no_grad():
            torch.testing.assert_close(again(_ids(50))[0], model(_ids(50))[0])


def test_a_window_that_is_given_goes_to_every_layer() -> None:
    assert find_windows(localize(modernbert(), 8)) == [8, 8, 8, 8]
    assert find_windows(localize(modernbert(), [8, 4, None, None])) == [8, 4, None, None]
    assert find_windows(localize(modernbert(), None)) == [None, WINDOW, WINDOW, None]


@pytest.mark.parametrize("implementation", implementations_here())
@pytest.mark.parametrize("window", [6, None])
def test_heads_of_keys_are_shared_and_scores_scaled(
    implementation: str, window: int | None
) -> None:
    query, key, value = torch.randn(1, 6, 50, 16), *torch.randn(2, 1, 2, 50, 16)
    module = SimpleNamespace(attention_window=window)
    kernel = AttentionInterface()[implementation]
    output, _ = kernel(module, query, key, value, None, scaling=0.5)
    alone = [
        local_attention(
            2 * query[:, [head]],
            key[:, [head // 3]],
            value[:, [head // 3]],
            window or 98,
            implementation="local_masked",
        )
        for head in range(6)
    ]
    torch.testing.assert_close(output, torch.cat(alone, 1).transpose(1, 2), atol=1e-5, rtol=1e-4)


def test_a_sample_of_padding_alone_leaves_gradients_finite() -> None:
    model = localize(build_encoder("modernbert"), None)
    mask = torch.ones(2, 40, dtype=torch.long)
    mask[1] = 0
    model(_ids(40), attention_mask=mask)[0].square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("kinds", [["full_attention"] * 3 + ["sliding_attention"], KINDS])
def test_dropout_reaches_both_kinds_of_layers(kinds: list[str]) -> None:
    torch.manual_seed(0)
    model = localize(modernbert(attention_dropout=0.4, layer_types=kinds), None)
    seen = []
    for layer in model.train().layers:
        layer.attn.out_drop.p = 0.0  # the dropout of its output, which is none of attention
        layer.attn.register_forward_hook(lambda _, given, output: seen.append(output[0]))
    for _ in range(2):
        model(_ids(30))
    assert not torch.equal(seen[0], seen[4])


def _bert() -> Any:
    return BertModel(
        BertConfig(hidden_size=24, num_attention_heads=3, intermediate_size=20, num_hidden_layers=2)
    )


@pytest.mark.parametrize(
    ("build", "windows", "message"),
    [
        (_bert, None, "`attention_window` must be given for BertModel, got null"),
        (_bert, [4, None], "positive even number of tokens, got None"),
        (modernbert, [None] * 4, "a number for at least one layer"),
        (modernbert, [4, None], "one number or 4 of them, one per layer, got 2"),
        (modernbert, [4, 5, None, None], "positive even number of tokens, got 5"),
        (modernbert, 128.0, "positive even number of tokens, got 128.0"),
        (modernbert, "wide", "positive even number of tokens, got 'wide'"),
    ],
)
def test_windows_that_fit_no_layers_are_refused(build: Any, windows: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        localize(build(), windows)


def test_a_model_of_full_layers_alone_has_no_windows_to_take() -> None:
    model = modernbert(layer_types=["full_attention"] * 4)
    with pytest.raises(ModelError, match="must be given for ModernBertModel"):
        localize(model, None)


def test_without_localize_a_sliding_layer_is_refused() -> None:
    model = modernbert()
    model.set_attn_implementation("local_blocked")
    with pytest.raises(ModelError, match="needs `localize"):
        model(_ids(5))


def test_full_attention_without_padding_is_refused_for_sliding_layers() -> None:
    model = modernbert()
    model.set_attn_implementation(UNPADDED)
    with pytest.raises(ModelError, match="asks for another mask"):
        model(_ids(5))


def test_scores_that_sinks_are_added_to_get_no_window() -> None:
    config = OpenAIPrivacyFilterConfig(
        **GROUPED, sliding_window=6, num_local_experts=2, num_experts_per_tok=1
    )
    with pytest.raises(ModelError, match="whose attention adds s_aux"):
        localize(OpenAIPrivacyFilterModel(config), None)


def test_a_window_that_reaches_further_to_one_side_is_refused() -> None:
    config = T5Gemma2TextConfig(**GROUPED, sliding_window=6, layer_types=KINDS)
    config.dropout_rate = 0.0  # which a whole T5Gemma2 hands down
    model = localize(T5Gemma2TextEncoder(config, eoi_token_index=59), None).eval()
    with pytest.raises(ModelError, match="as far to both sides .* asks for another mask"):
        model(_ids(30))


def test_the_librarys_window_is_half_as_wide_as_its_name_says() -> None:
    config = ModernBertConfig(local_attention=WINDOW)
    assert config.sliding_window == WINDOW // 2


def test_masks_of_both_kinds_are_followed_by_torchs_compiler() -> None:
    model = localize(build_encoder("modernbert"), None)
    with torch.no_grad():
        assert torch._dynamo.explain(model)(_ids(90)).graph_break_count == 0
