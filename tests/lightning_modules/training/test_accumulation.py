"""What is said of settings before training, and what no logger writes."""

import warnings

import pytest
import torch
from lightning.pytorch.demos.boring_classes import BoringModel
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import train
from lightning_modules.training.accumulation import AccumulationWarning
from tests.samples import fitting
from tests.samples.places import ROOT


@pytest.mark.parametrize(("wanted", "is_said"), [(5, True), (3, False)])
def test_accumulation_beyond_an_epoch_is_said(tmp_path, wanted, is_said):
    batches = [torch.randn(2, 32) for _ in range(3)]
    settings = {"accumulate_grad_batches": wanted, "callbacks": [AccumulationWarning()]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitting.fit(BoringModel(), batches, tmp_path, **settings)
    said = [str(one.message) for one in caught if "more than the 3 batches" in str(one.message)]
    assert bool(said) == is_said


@pytest.mark.parametrize("logger", ["true", "TensorBoardLogger"])
def test_no_logger_writes_a_metric_of_minus_one(tmp_path, monkeypatch, logger):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    settings = [f"--trainer.logger={logger}", "--trainer.max_steps=1", "--trainer.accelerator=cpu"]
    if logger != "true":
        settings.append("--trainer.logger.save_dir=own")
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.limit_val_batches=0"]
    config = ["fit", "--config", str(ROOT / "configs/train/vision.yaml")]
    assert train.main([*config, *settings, *quiet]) == 0
    found = list(tmp_path.rglob("events.out.*"))
    assert found
    for path in found:
        assert "hp_metric" not in EventAccumulator(str(path)).Reload().Tags()["scalars"]
