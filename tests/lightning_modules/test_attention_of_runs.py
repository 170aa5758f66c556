"""A checkpoint of a run says with which attention its weights were trained, and holds to it."""

from pathlib import Path
from typing import Any

import pytest

import train
from lightning_modules.attention.interface import localize
from lightning_modules.errors import ModelError
from lightning_modules.speech.classification import ClassificationModule
from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.speech.superb import SuperbAsr
from lightning_modules.variants import find_variant
from tests.samples.places import ROOT
from tests.samples.recordings.speech import TINY
from tests.samples.training import offline
from tests.samples.variants.models import VARIANT_CASES, build

CONFIG = ROOT / "configs/train/digits_ctc.yaml"


KINDS: list[tuple[Any, dict[str, Any]]] = [
    (MaskedPrediction, {"num_classes": 5}),
    (CtcModule, {}),
    (ClassificationModule, {"classes": ["a", "b", "c"]}),
    (SuperbAsr, {"head_size": 6}),
]


def saved(module: Any) -> dict[str, Any]:
    checkpoint: dict[str, Any] = {}
    module.on_save_checkpoint(checkpoint)
    return checkpoint


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_weights_of_another_window_or_variant_are_refused(
    kind: Any, settings: dict[str, Any]
) -> None:
    def make(window: Any, variant: str = "lhubert") -> Any:
        given = {"variant": variant, "attention_window": window, "model_fields": TINY}
        return kind(**given, **settings)

    checkpoint = saved(make(8))
    make([8, 8]).on_load_checkpoint(checkpoint)
    words = "`attention_window` must be 8 as the checkpoint was trained with, got "
    with pytest.raises(ModelError, match=words + "16"):
        make(16).on_load_checkpoint(checkpoint)
    with pytest.raises(ModelError, match=words + r"\[8, 16\]"):
        make([8, 16]).on_load_checkpoint(checkpoint)
    words = "`variant` must be lhubert with `attention_window` 8 .* got hubert without"
    with pytest.raises(ModelError, match=words):
        make(None, "hubert").on_load_checkpoint(checkpoint)
    del checkpoint["attention"]  # as in one that is older
    make(16).on_load_checkpoint(checkpoint)


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_every_variant_takes_its_own_checkpoint_whatever_the_kernel(
    modality: str, variant: str
) -> None:
    entry = find_variant(modality, variant)
    checkpoint = saved(build(modality, variant, implementation=entry.like_for_like))
    build(modality, variant).on_load_checkpoint(checkpoint)
    if entry.takes_window:
        with pytest.raises(ModelError, match="`attention_window` must be 16 .* got 12"):
            build(modality, variant, attention_window=12).on_load_checkpoint(checkpoint)


def test_variants_with_the_same_weights_are_told_apart() -> None:
    words = "`model` must be bert without `attention_window` .* got local_bert with .* 16"
    with pytest.raises(ModelError, match=words):
        build("text", "local_bert").on_load_checkpoint(saved(build("text", "bert")))
    local = build("text", "local_bert")
    local.attention_window = None
    localize(local.model, [8, 16])
    with pytest.raises(ModelError, match=r"must be \[8, 16\] .* got 16"):
        build("text", "local_bert").on_load_checkpoint(saved(local))


def test_a_run_is_tested_and_exported_with_the_attention_that_it_had(
    everything: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    settings = ["--config", str(CONFIG), *offline(CONFIG, everything)]
    settings += [f"--model.init_args.model_fields.{name}={value}" for name, value in TINY.items()]
    settings += ["--trainer.enable_progress_bar=false"]
    local = [*settings, "--model.init_args.variant=lhubert"]
    given = [*local, "--model.init_args.attention_window=8"]
    assert train.main(["fit", *given, "--trainer.max_steps=1"]) == 0
    checkpoint = ["--ckpt_path", str(next(tmp_path.rglob("*.ckpt")))]
    others = {
        "`attention_window` must be 8 as": [
            "test",
            *local,
            "--model.init_args.attention_window=16",
        ],
        "`variant` must be lhubert with `attention_window` 8 as": [
            "export",
            "--folder=a",
            *settings,
        ],
    }
    for words, other in others.items():
        assert train.main([*other, *checkpoint]) == 2
        assert words in capsys.readouterr().err
