"""Every variant learns, through a plain Trainer, the data that the project makes on the spot."""

import math

import lightning
import pytest
from lightning.pytorch.callbacks import EarlyStopping

from datamodules.modalities.synthetic import SyntheticSpeech, SyntheticText, SyntheticVision
from lightning_modules.models.text.bigbird import BigBirdModule
from lightning_modules.models.vision.swin import SwinModule
from lightning_modules.models.vision.swinv2 import SwinV2Module
from lightning_modules.variants import VARIANTS, build_module
from tests.samples.fitting import trainer

# With the loss of the best answer that does not look at the input.
DATA = {
    # 4 topics of 4 tokens: what is left when the topic is known is a choice of 4.
    "text": (SyntheticText, {"sequence_length": 40, "num_classes": 18}, math.log(16)),
    "speech": (SyntheticSpeech, {"sequence_length": 60, "num_classes": 4}, math.log(4)),
    "vision": (SyntheticVision, {"input_size": 64, "num_classes": 2}, math.log(2)),
}
# It learns until it has learned: the steps that this takes differ from one CPU to the next.
BATCHES_OF_AN_EPOCH, MOST_EPOCHS = 20, 20
# A tenth as many are for validation: enough that none passes by chance.
BATCHES = 100
# Sparse attention needs twelve blocks. With the published ones of 64 tokens that would be 768.
BLOCK = 8
SETTINGS = {"bigbird": {"sequence_length": 12 * BLOCK}}

# Among 1,500 positions it finds what stands beside a hidden frame after more steps than a test has:
# `test_whisper.py` has it name what it hears.
LEARNS_ELSEWHERE = {"whisper"}

PUBLISHED_FIELDS = BigBirdModule._config_fields


def _with_small_blocks(module):
    return PUBLISHED_FIELDS(module) | {"block_size": BLOCK}


@pytest.mark.parametrize(
    ("modality", "variant"),
    [
        (modality, name)
        for modality in VARIANTS
        for name in VARIANTS[modality]
        if name not in LEARNS_ELSEWHERE
    ],
)
def test_loss_falls_below_that_of_guessing(modality, variant, tmp_path, monkeypatch):
    # Windows that suit images of 64 pixels: with the published ones those are padded to 256.
    monkeypatch.setattr(SwinModule, "published_window", 2)
    monkeypatch.setattr(SwinV2Module, "published_window", 2)
    monkeypatch.setattr(BigBirdModule, "_config_fields", _with_small_blocks)
    lightning.seed_everything(0)
    make, settings, guessing = DATA[modality]
    given = settings | SETTINGS.get(variant, {})
    data = make(num_batches=BATCHES, batch_size=8, **given)
    window = {"attention_window": 20} if VARIANTS[modality][variant].takes_window else {}
    module = build_module(modality, variant, size="tiny", num_classes=data.num_classes, **window)
    learned = EarlyStopping("val_loss", patience=MOST_EPOCHS, stopping_threshold=0.7 * guessing)
    built = trainer(
        tmp_path,
        max_epochs=MOST_EPOCHS,
        limit_train_batches=BATCHES_OF_AN_EPOCH,
        limit_predict_batches=1,
        callbacks=[learned],
    )
    built.fit(module, data)
    [metrics] = built.test(module, data, verbose=False)
    assert metrics["test_loss"] < 0.8 * guessing
    predicted = built.predict(module, data)
    assert predicted is not None
    assert len(predicted) == 1


def test_the_loss_of_an_evaluation_is_that_of_all_processes(monkeypatch):
    data = SyntheticText(sequence_length=8, num_classes=18, batch_size=2, num_batches=1)
    module = build_module("text", "bert", size="tiny", num_classes=data.num_classes, max_length=8)
    joined = {}
    monkeypatch.setattr(
        module, "log", lambda name, *_, sync_dist=False, **__: joined.update({name: sync_dist})
    )
    batch = data.batch_at(8, 2)
    for step in (module.training_step, module.validation_step, module.test_step):
        step(batch, 0)
    # A step waits for no other process; what is compared between runs is of all of them.
    assert joined == {"train_loss": False, "val_loss": True, "test_loss": True}
