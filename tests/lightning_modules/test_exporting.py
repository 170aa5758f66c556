"""What is exported loads again with the same outputs, whatever the variant."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoModelForImageClassification, AutoModelForMaskedLM

from lightning_modules.attention.interface import find_implementations, find_windows
from lightning_modules.checkpoints.exporting import export
from lightning_modules.errors import ModelError
from lightning_modules.variants import build_module
from tests.samples.variants.models import (
    CASES,
    NUM_CLASSES,
    TEXT,
    VARIANT_CASES,
    WINDOW,
    batch_of,
    build,
    predict,
)

# The library's classes that find by a folder which model it holds.
AUTO: dict[str, Any] = {
    "text": AutoModelForMaskedLM,
    "speech": AutoModel,
    "vision": AutoModelForImageClassification,
}
NO_PART_OF_OURS = "decoder."  # of a Whisper, which is an encoder here
LENGTHS = {"text": 60, "speech": 60, "vision": 64}
# What predicts words, where it has another name than in BERT.
HEADS = {
    "longformer": {"lm_head"},
    "modernbert": {"head", "decoder"},
    "modernbert_full": {"head", "decoder"},
}


@pytest.mark.parametrize(("modality", "variant", "implementation"), CASES)
def test_an_exported_variant_loads_with_the_same_outputs(
    modality: str, variant: str, implementation: str, tmp_path: Path
) -> None:
    module = build(modality, variant, implementation=implementation)
    length = 768 if variant == "bigbird" else LENGTHS[modality]
    batch = batch_of(modality, length)
    expected = predict(module, batch)
    export(module, None, str(tmp_path / "model"))
    model = module.model
    module.model = type(model).from_pretrained(tmp_path / "model")
    assert find_windows(module.model) == find_windows(model)
    if implementation.startswith("local_"):
        assert find_implementations(module.model) == {implementation}
    torch.testing.assert_close(predict(module, batch), expected)


@pytest.mark.parametrize(("modality", "variant"), VARIANT_CASES)
def test_the_librarys_class_for_an_exported_folder_draws_none_of_its_weights(
    modality: str, variant: str, tmp_path: Path
) -> None:
    module = build(modality, variant)
    export(module, None, str(tmp_path / "model"))
    loaded, told = AUTO[modality].from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not told["mismatched_keys"]
    drawn = set(told["missing_keys"]) - set(getattr(module, "unused_weights", ()))
    assert [name for name in drawn if not name.startswith(NO_PART_OF_OURS)] == []
    exported = module.model.state_dict()
    taken = [name for name in loaded.state_dict() if name in exported]
    assert all(torch.equal(loaded.state_dict()[name], exported[name]) for name in taken)


@pytest.mark.parametrize(
    ("variant", "max_length"), [*((variant, None) for variant in TEXT), ("bert", 900)]
)
def test_a_head_that_a_checkpoint_had_not_is_exported_when_it_was_trained(
    variant: str, max_length: int | None, tmp_path: Path
) -> None:
    build("text", variant).model.base_model.save_pretrained(tmp_path / "headless")
    checkpoint = str(tmp_path / "headless")
    module = build("text", variant, checkpoint=checkpoint, max_length=max_length)
    left_out = export(module, None, str(tmp_path / "model"))
    unused = set(getattr(module, "unused_weights", ()))
    parts = {name.partition(".")[0] for name in {*left_out} - unused}
    assert parts == HEADS.get(variant, {"cls"})
    _, told = AutoModelForMaskedLM.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert set(told["missing_keys"]) == set(left_out)
    module.setup("fit")
    assert export(module, None, str(tmp_path / "model")) == []


def test_full_bert_refuses_the_folder_of_a_local_one(tmp_path: Path) -> None:
    module = build("text", "local_bert")
    export(module, None, str(tmp_path / "model"))
    settings = {"num_classes": NUM_CLASSES["text"], "checkpoint": str(tmp_path / "model")}
    with pytest.raises(ModelError, match="configuration says local"):
        build_module("text", "bert", **settings)
    again = build_module("text", "local_bert", attention_window=WINDOW, **settings)
    batch = batch_of("text", 60)
    torch.testing.assert_close(predict(again, batch), predict(module, batch))
