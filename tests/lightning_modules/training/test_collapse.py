"""Pre-training that learns nothing but frequencies is said; one that learns more is not."""

import math
import warnings
from typing import Any

import pytest
import torch

from lightning_modules.speech.masked_prediction import MaskedPrediction
from lightning_modules.training.collapse import CollapseWarning, count_labels, label_entropy
from tests.samples.fitting import TinyTokens, fit, tokens
from tests.samples.recordings.speech import NO_DROPOUT, NUM_CLUSTERS, TINY
from tests.samples.variants.hubert import waveform

FRAMES = 30


def batch(labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return two utterances that hide nine and fifteen frames."""
    hidden = torch.zeros(2, FRAMES, dtype=torch.bool)
    hidden[0, 4:13], hidden[1, :15] = True, True
    return {
        "input_values": waveform(FRAMES, 2),
        "mask_time_indices": hidden,
        "labels": labels,
        "index": torch.arange(2),
    }


def said_by(lr: float, folder: Any, after_steps: int | None, steps: int) -> list[str]:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(4)
    labels = torch.randint(NUM_CLUSTERS - 2, (2, FRAMES), generator=generator)
    module = MaskedPrediction(
        variant="hubert",
        model_fields=TINY | NO_DROPOUT,
        num_classes=NUM_CLUSTERS,
        num_warmup_steps=1,
        lr=lr,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        built = fit(
            module,
            [batch(labels)] * steps,
            folder,
            callbacks=[CollapseWarning(after_steps)],
            accumulate_grad_batches=2,
        )
    assert built.callback_metrics["train_label_entropy"] < math.log(NUM_CLUSTERS - 2) + 1e-6
    return [str(one.message) for one in caught if "how frequent labels" in str(one.message)]


def test_a_model_that_learns_nothing_is_said_once_after_so_many_steps(tmp_path):
    (said,) = said_by(0.0, tmp_path, after_steps=3, steps=10)
    assert said.startswith("after 3 steps")


def test_a_model_that_learns_its_labels_is_not_said(tmp_path):
    assert said_by(0.005, tmp_path, after_steps=40, steps=80) == []


def test_without_a_number_it_waits_at_least_a_hundred_steps(tmp_path):
    assert said_by(0.0, tmp_path, after_steps=None, steps=4) == []


def test_training_without_labels_of_frames_is_left_alone(tmp_path):
    built = fit(TinyTokens(), [tokens(2, 5)], tmp_path, callbacks=[CollapseWarning(1)])
    assert "train_label_entropy" not in built.callback_metrics


def test_labels_are_counted_under_the_mask_alone():
    labels = torch.tensor([[0, 2, 2, -1], [1, 2, 0, 0]])
    is_masked = torch.tensor([[True, True, True, True], [False, True, True, False]])
    assert count_labels(labels, is_masked, 4).tolist() == [2, 0, 3, 0]


@pytest.mark.parametrize(
    ("counts", "entropy"), [([7, 0, 7], math.log(2)), ([5, 0, 0], 0.0), ([0, 0, 0], 0.0)]
)
def test_the_entropy_is_that_of_the_frequencies(counts, entropy):
    assert label_entropy(torch.tensor(counts).float()).item() == pytest.approx(entropy, abs=1e-6)
