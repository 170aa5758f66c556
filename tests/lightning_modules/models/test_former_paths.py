"""What names a model by the place where it stood before each modality had a room still loads."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from jsonargparse import ArgumentParser

from lightning_modules.models.base import VariantModule
from lightning_modules.models.former_paths import FORMER
from lightning_modules.models.text.bert import BertModule
from lightning_modules.variants import VARIANTS

PATHS = [variant.path for group in VARIANTS.values() for variant in group.values()]
CLASSES = {path.partition(":")[0]: path.partition(":")[2] for path in PATHS}
BERT = "lightning_modules.models.bert"


@pytest.mark.parametrize(("now", "former"), FORMER.items())
def test_who_imports_a_model_finds_it_by_its_former_path_too(now: str, former: str) -> None:
    module = import_module(now)
    assert getattr(import_module(former), CLASSES[now]) is getattr(module, CLASSES[now])


def test_a_checkpoint_that_names_a_former_path_is_loaded(tmp_path: Path) -> None:
    module = BertModule(num_classes=40, max_length=32)
    stored = {
        "pytorch-lightning_version": "2.6.0",
        "state_dict": module.state_dict(),
        "hyper_parameters": {
            "_instantiator": "lightning.pytorch.cli.instantiate_module",
            "_class_path": f"{BERT}.BertModule",
            "num_classes": 40,
            "max_length": 32,
        },
    }
    torch.save(stored, tmp_path / "old.ckpt")
    loaded = BertModule.load_from_checkpoint(tmp_path / "old.ckpt", weights_only=True)
    assert loaded.settings == module.settings
    assert type(loaded) is BertModule


def test_yaml_that_names_a_former_path_builds_the_model() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(VariantModule, "model")
    settings = {"num_classes": 40, "max_length": 32}
    given = {"model": {"class_path": f"{BERT}.BertModule", "init_args": settings}}
    built = parser.instantiate(parser.parse_object(given)).model
    assert type(built) is BertModule
    assert sys.modules[BERT] is sys.modules[BertModule.__module__]
