"""ModernBERT and its twin without windows: whose layers they have, and what their masks cost."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lightning_modules.attention.interface import find_windows, localize
from lightning_modules.errors import ModelError
from lightning_modules.models.components import MASK_FUNCTIONS
from lightning_modules.variants import build_module
from tests.samples.variants.largest import Largest
from tests.samples.variants.models import batch_of, build, predict


def _padded(ids: Tensor) -> Tensor:
    mask = torch.ones_like(ids)
    mask[1, 2 * ids.shape[1] // 3 :] = 0
    return mask


def test_modernbert_is_published_with_windows_in_two_of_three_layers() -> None:
    kinds = build("text", "modernbert", size="tiny").model.config.layer_types
    assert kinds == ["full_attention", "sliding_attention", "sliding_attention"]
    with torch.device("meta"):
        module = build_module("text", "modernbert", size="base")
    windows = find_windows(module)
    assert (windows.count(128), windows.count(None)) == (14, 8)


@pytest.mark.parametrize("training", [False, True])
def test_the_twin_makes_no_tensor_of_all_pairs_that_none_of_its_layers_reads(
    training: bool,
) -> None:
    tokens = 1200
    largest = {}
    for variant in ("modernbert_full", "modernbert"):
        module = build("text", variant, implementation="sdpa", max_length=tokens).train(training)
        with torch.set_grad_enabled(training), Largest() as seen:
            logits = module(**batch_of("text", tokens, batch_size=1))
            if training:
                logits.sum().backward()
        largest[variant] = seen.elements
    assert largest["modernbert"] >= tokens**2
    assert largest["modernbert_full"] < tokens**2 / 2


@pytest.mark.parametrize("is_padded", [False, True])
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_the_twins_own_mask_gives_what_the_librarys_masks_give(
    implementation: str, is_padded: bool
) -> None:
    module = build("text", "modernbert_full", implementation=implementation).eval()
    ids = batch_of("text", 90)["input_ids"]
    mask = _padded(ids) if is_padded else None
    with torch.no_grad():
        expected = module.model(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(module(ids, mask), expected, rtol=0, atol=0)
        plain = module(ids)
    assert torch.equal(plain, expected) == (not is_padded)


def test_the_twins_own_mask_is_what_a_breakdown_of_its_step_watches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = build("text", "modernbert_full")
    called: list[str] = []

    def watched(name: str, make: Any) -> Any:
        def noting(*given: Any, **named: Any) -> Any:
            called.append(name)
            return make(*given, **named)

        return noting

    functions = [part for part in module.parts() if part.function in MASK_FUNCTIONS]
    for part in functions:
        assert part.component == "attention_core"
        name = part.function
        monkeypatch.setattr(part.owner, name, watched(name, getattr(part.owner, name)))
    module(**batch_of("text", 30))
    assert called == ["create_bidirectional_mask"]


def test_the_twins_own_mask_is_followed_by_torchs_compiler() -> None:
    module = build("text", "modernbert_full").eval()
    ids = batch_of("text", 90)["input_ids"]
    with torch.no_grad():
        for mask in (None, _padded(ids)):
            assert torch._dynamo.explain(module)(ids, mask).graph_break_count == 0


@pytest.mark.parametrize(
    ("source", "implementation"),
    [("modernbert", "sdpa"), ("modernbert", "local_blocked"), ("modernbert_full", "sdpa")],
)
def test_the_twin_makes_every_layer_of_a_checkpoint_full(
    source: str, implementation: str, tmp_path: Path
) -> None:
    build("text", source, implementation=implementation).model.save_pretrained(tmp_path)
    config = build("text", "modernbert_full", checkpoint=str(tmp_path)).model.config
    assert config.layer_types == ["full_attention"] * 3


@pytest.mark.parametrize("implementation", ["eager", "sdpa", "local_blocked"])
def test_a_checkpoint_of_the_twin_has_no_sliding_layers_and_is_refused(
    implementation: str, tmp_path: Path
) -> None:
    build("text", "modernbert_full").model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="sliding layers for modernbert, .* modernbert_full takes"):
        build("text", "modernbert", implementation=implementation, checkpoint=str(tmp_path))


@pytest.mark.parametrize("given", [None, 12])
@pytest.mark.parametrize("windows", [8, [6, 6, 6], [6, 6, None]])
def test_a_checkpoint_with_windows_in_other_layers_than_the_sliding_ones_is_refused(
    windows: Any, given: int | None, tmp_path: Path
) -> None:
    localize(build("text", "modernbert").model, windows).save_pretrained(tmp_path)
    source = {"checkpoint": str(tmp_path), "attention_window": given}
    words = "a window in each sliding layer and in no other one for modernbert, .* takes it"
    for implementation in ("eager", "sdpa", "local_blocked"):
        with pytest.raises(ModelError, match=words):
            build("text", "modernbert", implementation=implementation, **source)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_modernbert_has_its_windows_in_dense_kernels_of_a_local_checkpoint_too(
    implementation: str, tmp_path: Path
) -> None:
    local = build("text", "modernbert", implementation="local_blocked")
    local.model.save_pretrained(tmp_path / "local")
    source = {"implementation": implementation, "checkpoint": str(tmp_path / "local")}
    dense = build("text", "modernbert", **source)
    dense.check_active(70)
    batch = batch_of("text", 70)
    expected, found = predict(local, batch), predict(dense, batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    dense.model.save_pretrained(tmp_path / "dense")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a window that nobody knows
        build("text", "modernbert", checkpoint=str(tmp_path / "dense")).check_active(70)
