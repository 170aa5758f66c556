"""Every variant learns, through a plain Trainer, the data that the project makes on the spot."""

import math

import lightning
import pytest

from datamodules.modalities.synthetic import SyntheticSpeech, SyntheticText, SyntheticVision
from lightning_modules.variants import VARIANTS, build_module
from tests.samples.fitting import trainer

# With the loss of the best answer that does not look at the input.
DATA = {
    # 4 topics of 4 tokens: what is left when the topic is known is a choice of 4.
    "text": (SyntheticText, {"sequence_length": 40, "num_classes": 18}, math.log(16)),
    "speech": (SyntheticSpeech, {"sequence_length": 60, "num_classes": 4}, math.log(4)),
    "vision": (SyntheticVision, {"input_size": 64, "num_classes": 2}, math.log(2)),
}
# Steps and samples of each; two pad these short inputs to many times their length, and get less.
USUAL = (40, 8)
EFFORT = {"bigbird": (80, 1), "swin": (80, 4)}
# One text of the shortest length that is not padded costs what a short one does, and says more.
SETTINGS = {"bigbird": {"sequence_length": 704}}


@pytest.mark.parametrize(
    ("modality", "variant"),
    [(modality, name) for modality in VARIANTS for name in VARIANTS[modality]],
)
def test_loss_falls_below_that_of_guessing(modality, variant, tmp_path):
    lightning.seed_everything(0)
    make, settings, guessing = DATA[modality]
    num_batches, batch_size = EFFORT.get(variant, USUAL)
    given = settings | SETTINGS.get(variant, {})
    data = make(batch_size=batch_size, num_batches=num_batches, **given)
    window = {"attention_window": 20} if VARIANTS[modality][variant].takes_window else {}
    module = build_module(modality, variant, size="tiny", num_classes=data.num_classes, **window)
    built = trainer(tmp_path, max_epochs=1, limit_predict_batches=1)
    built.fit(module, data)
    assert built.callback_metrics["train_loss"].isfinite()
    [metrics] = built.test(module, data, verbose=False)
    assert metrics["test_loss"] < 0.8 * guessing
    predicted = built.predict(module, data)
    assert predicted is not None
    assert len(predicted) == 1
