"""The window that a checkpoint was saved with, in models and in the rows of a sweep."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.attention.interface import find_windows, localize
from lightning_modules.errors import ModelError
from lightning_modules.stored_window import choose_window, stored_windows
from lightning_modules.variants import VARIANTS, build_module, find_variant
from profiling.errors import SettingsError
from tests.samples.hub import be_offline, lay_into_cache
from tests.samples.places import ROOT
from tests.samples.variants.models import CASES, NUM_CLASSES, batch_of, build, predict
from tests.samples.variants.points import points_of

WINDOWED = [case for case in CASES if find_variant(*case[:2]).takes_window]
ONCE = {case[:2]: case for case in WINDOWED}


def reopened(modality: str, variant: str, folder: Path, **given: object) -> Any:
    settings = {"num_classes": NUM_CLASSES[modality], "checkpoint": str(folder)}
    return build_module(modality, variant, **settings, **given)


@pytest.mark.parametrize(("modality", "variant", "implementation"), WINDOWED)
def test_a_checkpoint_without_a_window_given_has_its_own(
    modality: str, variant: str, implementation: str, tmp_path: Path
) -> None:
    saved = build(modality, variant, attention_window=8, implementation=implementation)
    saved.model.save_pretrained(tmp_path)
    again = reopened(modality, variant, tmp_path, implementation=implementation)
    assert again.attention_window == 8
    if modality == "speech":
        again.head.load_state_dict(saved.head.state_dict())
    batch = batch_of(modality, 60)
    torch.testing.assert_close(predict(again, batch), predict(saved, batch))
    again.check_active(60)


@pytest.mark.parametrize(("modality", "variant", "implementation"), ONCE.values())
def test_a_checkpoint_with_the_usual_window_and_a_window_that_is_given_count(
    modality: str, variant: str, implementation: str, tmp_path: Path
) -> None:
    usual = find_variant(modality, variant).default_window
    saved = build(modality, variant, attention_window=usual, implementation=implementation)
    saved.model.save_pretrained(tmp_path)
    given: dict[str, Any] = {"implementation": implementation}
    assert reopened(modality, variant, tmp_path, **given).attention_window == usual
    given["attention_window"] = 12
    assert reopened(modality, variant, tmp_path, **given).attention_window == 12


@pytest.mark.parametrize(
    ("modality", "vanilla", "variant"),
    [("text", "bert", "local_bert"), ("speech", "hubert", "lhubert")],
)
def test_full_weights_get_the_usual_window(
    modality: str, vanilla: str, variant: str, tmp_path: Path
) -> None:
    build(modality, vanilla).model.save_pretrained(tmp_path)
    usual = VARIANTS[modality][variant].default_window
    assert reopened(modality, variant, tmp_path).attention_window == usual
    (point, *_) = points_of(modality, [64], [{"name": variant, "checkpoint": str(tmp_path)}])
    assert point.attention_window == usual


@pytest.mark.parametrize(("modality", "variant"), [("text", "local_bert"), ("speech", "lhubert")])
def test_a_window_per_layer_is_kept_and_is_no_single_number(
    modality: str, variant: str, tmp_path: Path
) -> None:
    saved = build(modality, variant)
    windows = [4 + 2 * layer for layer in range(saved.model.config.num_hidden_layers)]
    localize(saved.model, windows).save_pretrained(tmp_path)
    again = reopened(modality, variant, tmp_path)
    assert find_windows(again.model) == windows
    assert again.attention_window is None
    again.check_active(60)
    (point, *_) = points_of(modality, [64], [{"name": variant, "checkpoint": str(tmp_path)}])
    assert point.attention_window is None


@pytest.mark.parametrize("implementation", ["sdpa", "local_blocked"])
def test_a_modernbert_has_the_windows_that_localize_has_given_to_its_sliding_layers(
    implementation: str, tmp_path: Path
) -> None:
    saved = build("text", "modernbert", attention_window=16)
    localize(saved.model, [None, 6, 6]).save_pretrained(tmp_path)
    again = reopened("text", "modernbert", tmp_path, implementation=implementation)
    assert again.attention_window == 6
    again.check_active(60)
    batch = batch_of("text", 60)
    torch.testing.assert_close(predict(again, batch), predict(saved, batch), rtol=1e-4, atol=1e-5)
    named = {"name": "modernbert", "checkpoint": str(tmp_path)}
    assert {point.attention_window for point in points_of("text", [64], [named])} == {6}


def test_sliding_layers_of_a_modernbert_need_one_window(tmp_path: Path) -> None:
    localize(build("text", "modernbert").model, [None, 8, 12]).save_pretrained(tmp_path)
    words = "`attention_window` must be given .* different ones, 8, 12, got none"
    with pytest.raises(ModelError, match=words):
        reopened("text", "modernbert", tmp_path)
    with pytest.raises(ModelError, match=words):
        points_of("text", [64], [{"name": "modernbert", "checkpoint": str(tmp_path)}])
    again = reopened("text", "modernbert", tmp_path, attention_window=6)
    assert find_windows(again.model) == [None, 6, 6]


def test_longformer_needs_one_window_to_pad_to(tmp_path: Path) -> None:
    saved = build("text", "longformer").model
    layers = saved.config.num_hidden_layers
    saved.config.attention_window = [8] + [16] * (layers - 1)
    saved.save_pretrained(tmp_path)
    words = "`attention_window` must be given .* different ones, 8, 16, got none"
    with pytest.raises(ModelError, match=words):
        reopened("text", "longformer", tmp_path)
    assert reopened("text", "longformer", tmp_path, attention_window=12).attention_window == 12
    with pytest.raises(ModelError, match=words):
        points_of("text", [64], [{"name": "longformer", "checkpoint": str(tmp_path)}])


@pytest.mark.parametrize(("modality", "variant", "implementation"), ONCE.values())
def test_a_row_of_a_sweep_says_the_window_of_the_checkpoint(
    modality: str, variant: str, implementation: str, tmp_path: Path
) -> None:
    saved = build(modality, variant, attention_window=8, implementation=implementation)
    saved.model.save_pretrained(tmp_path)
    named = {"name": variant, "checkpoint": str(tmp_path)}
    twice = [named, named | {"attention_window": 8}]
    points = points_of(modality, [64], twice)
    assert {point.columns["attention_window"] for point in points} == {8}
    assert len(points) == len(points_of(modality, [64], [named]))
    wider = points_of(modality, [64], [named | {"attention_window": 12}])
    assert {point.attention_window for point in wider} == {12}


def test_a_checkpoint_of_the_hub_says_its_window_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build("speech", "lhubert", attention_window=8).model.save_pretrained(tmp_path / "model")
    lay_into_cache(tmp_path / "hub", "owner/model", tmp_path / "model")
    be_offline(tmp_path / "hub", monkeypatch)
    assert stored_windows("owner/model") == [8]
    words = "`attention_window` of lhubert must be given with a `checkpoint` .* 'owner/other'"
    for missing in ("owner/other", str(tmp_path / "nowhere")):
        with pytest.raises(SettingsError, match=words.replace("owner/other", missing)):
            points_of("speech", [64], [{"name": "lhubert", "checkpoint": missing}])
    points_of("speech", [64], [{"name": "hubert", "checkpoint": "owner/other"}])


@pytest.mark.parametrize("text", ["", "5", "{", "[" * 100_000], ids=["", "5", "half", "deep"])
def test_a_damaged_configuration_has_no_window(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(OSError, match="no configuration in"):
        choose_window(find_variant("speech", "lhubert"), None, str(tmp_path))


def test_a_window_that_is_none_is_the_users_error(tmp_path: Path) -> None:
    known = {"model_type": "lhubert", "attention_window": "wide"}
    (tmp_path / "config.json").write_text(json.dumps(known))
    with pytest.raises(ModelError, match="`attention_window` must be a positive even .* 'wide'"):
        stored_windows(str(tmp_path))


def test_the_window_of_a_folder_is_read_without_torch(tmp_path: Path) -> None:
    known = {"model_type": "lhubert", "attention_window": 8}
    (tmp_path / "config.json").write_text(json.dumps(known))
    code = (
        "import sys; from lightning_modules.stored_window import stored_windows; "
        f"assert stored_windows({str(tmp_path)!r}) == [8]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
