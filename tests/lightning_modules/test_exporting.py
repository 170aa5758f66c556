"""What is exported loads again with the same outputs, whatever the variant."""

from pathlib import Path

import pytest
import torch

from lightning_modules.attention.interface import find_implementations, find_windows
from lightning_modules.checkpoints.exporting import export
from lightning_modules.errors import ModelError
from lightning_modules.variants import build_module
from tests.samples.variants.models import CASES, NUM_CLASSES, WINDOW, batch_of, build, predict

LENGTHS = {"text": 60, "speech": 60, "vision": 64}


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


def test_full_bert_refuses_the_folder_of_a_local_one(tmp_path: Path) -> None:
    module = build("text", "local_bert")
    export(module, None, str(tmp_path / "model"))
    settings = {"num_classes": NUM_CLASSES["text"], "checkpoint": str(tmp_path / "model")}
    with pytest.raises(ModelError, match="configuration says local"):
        build_module("text", "bert", **settings)
    again = build_module("text", "local_bert", attention_window=WINDOW, **settings)
    batch = batch_of("text", 60)
    torch.testing.assert_close(predict(again, batch), predict(module, batch))
