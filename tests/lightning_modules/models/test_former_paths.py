"""What names a model by the place where it stood before each modality had a room still loads."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from lightning_modules.models.former_paths import MOVED
from lightning_modules.models.text.bert import BertModule
from lightning_modules.variants import VARIANTS

PATHS = [variant.path for group in VARIANTS.values() for variant in group.values()]
CLASSES = {path.partition(":")[0]: path.partition(":")[2] for path in PATHS}


@pytest.mark.parametrize(("former", "now"), MOVED.items())
def test_a_former_path_leads_to_the_same_class(former: str, now: str) -> None:
    assert getattr(import_module(former), CLASSES[now]) is getattr(import_module(now), CLASSES[now])


def test_a_checkpoint_that_names_a_former_path_is_loaded(tmp_path: Path) -> None:
    module = BertModule(num_classes=40, max_length=32)
    stored = {
        "pytorch-lightning_version": "2.6.0",
        "state_dict": module.state_dict(),
        "hyper_parameters": {
            "_instantiator": "lightning.pytorch.cli.instantiate_module",
            "_class_path": "lightning_modules.models.bert.BertModule",
            "num_classes": 40,
            "max_length": 32,
        },
    }
    torch.save(stored, tmp_path / "old.ckpt")
    loaded = BertModule.load_from_checkpoint(tmp_path / "old.ckpt", weights_only=True)
    assert loaded.settings == module.settings
    assert type(loaded) is BertModule
