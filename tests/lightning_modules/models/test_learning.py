"""Every variant learns, through a plain Trainer, the data that the project makes on the spot."""

import math

import lightning
import pytest

from datamodules.modalities.synthetic import SyntheticSpeech, SyntheticText, SyntheticVision
from lightning_modules.variants import VARIANTS, build_module

# With the loss of the best answer that does not look at the input.
DATA = {
    # 4 topics of 4 tokens: what is left when the topic is known is a choice of 4.
    "text": (SyntheticText, {"sequence_length": 40, "num_classes": 18}, math.log(16)),
    "speech": (SyntheticSpeech, {"sequence_length": 60, "num_classes": 4}, math.log(4)),
    "vision": (SyntheticVision, {"input_size": 64, "num_classes": 2}, math.log(2)),
}
# Steps and samples of each; two pad these short inputs to many times their length, and get less.
USUAL = (40, 8)
EFFORT = {"bigbird": (80, 4), "swin": (80, 4)}


@pytest.mark.parametrize(
    ("modality", "variant"),
    [(modality, name) for modality in VARIANTS for name in VARIANTS[modality]],
)
def test_loss_falls_below_that_of_guessing(modality, variant, tmp_path):
    lightning.seed_everything(0)
    make, settings, guessing = DATA[modality]
    num_batches, batch_size = EFFORT.get(variant, USUAL)
    data = make(batch_size=batch_size, num_batches=num_batches, **settings)
    window = {"attention_window": 20} if VARIANTS[modality][variant].takes_window else {}
    module = build_module(modality, variant, size="tiny", num_classes=data.num_classes, **window)
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_predict_batches=1,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, data)
    assert trainer.callback_metrics["train_loss"].isfinite()
    [metrics] = trainer.test(module, data, verbose=False)
    assert metrics["test_loss"] < 0.8 * guessing
    assert len(trainer.predict(module, data)) == 1
