"""Checkpoints keep all settings of a module, also those that its bases own."""

from pathlib import Path
from typing import Any

import lightning
import torch
from torch.utils.data import DataLoader

from lightning_modules.models.text.bert import BertModule
from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.masked_prediction import MaskedPrediction
from tests.samples.recordings.speech import TINY
from tests.samples.variants.models import batch_of


def test_a_checkpoint_stores_every_setting_and_loads_without_them(tmp_path: Path) -> None:
    given: dict[str, Any] = {"num_classes": 40, "max_length": 32, "lr": 0.25}
    module = BertModule(**given)
    trainer = lightning.Trainer(
        max_steps=1, accelerator="cpu", logger=False, default_root_dir=tmp_path
    )
    batches: Any = [batch_of("text", 8)]
    trainer.fit(module, DataLoader(batches, batch_size=None))
    trainer.save_checkpoint(tmp_path / "saved.ckpt")
    stored = torch.load(tmp_path / "saved.ckpt", weights_only=True)["hyper_parameters"]
    unset = {"size": "tiny", "implementation": None, "attention_window": None, "pad_token_id": 0}
    assert stored == given | unset | {"dropout": "none", "checkpoint": None}
    loaded = BertModule.load_from_checkpoint(tmp_path / "saved.ckpt", weights_only=True)
    assert loaded.settings == module.settings
    for name, weight in module.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight)


def test_training_on_speech_stores_the_settings_of_all_its_bases() -> None:
    speech: dict[str, Any] = {"variant": "hubert", "model_fields": TINY}
    unset = {"size": "tiny", "attention_window": None, "implementation": None, "checkpoint": None}
    stored = CtcModule(**speech, alphabet=["", "A"], lr=0.5).hparams
    assert {
        **speech,
        **unset,
        "alphabet": ["", "A"],
        "lr": 0.5,
        "eps": 1e-8,
    }.items() <= stored.items()
    assert "settings" not in stored
    assert MaskedPrediction(**speech, num_classes=5).hparams["num_classes"] == 5
