"""What cannot be judged is left out of a mean and counted: a monitor would follow a zero."""

import math
from pathlib import Path

import pytest
import torch

from lightning_modules.speech.ctc import CtcModule
from lightning_modules.speech.ctc_decoding import can_be_aligned
from lightning_modules.speech.masked_prediction import MaskedPrediction
from tests.samples import fitting
from tests.samples.recordings.speech import NO_DROPOUT, NUM_CLUSTERS, TINY


def utterances(labels: list[list[int]], frames: int = 9) -> dict[str, torch.Tensor]:
    longest = max(map(len, labels))
    rows = [row + [-100] * (longest - len(row)) for row in labels]
    return {
        "input_values": torch.randn(len(rows), 400 + 320 * (frames - 1)),
        "labels": torch.tensor(rows).reshape(len(rows), longest),
        "index": torch.arange(len(rows)),
    }


def validate(module, batch, folder: Path) -> dict[str, float]:
    trainer = fitting.trainer(folder)
    (found,) = trainer.validate(module, fitting.loader([batch]), verbose=False)
    return dict(found)


def transcriber() -> CtcModule:
    return CtcModule(variant="hubert", model_fields=TINY | NO_DROPOUT)


@pytest.mark.parametrize(
    ("labels", "frames", "fits"),
    [([5, 6, 7], 3, True), ([5, 5, 7], 3, False), ([5, 5, 7], 4, True), ([], 1, True)],
)
def test_between_equal_letters_a_frame_is_needed(labels, frames, fits):
    row = torch.tensor([labels + [-100] * 4])
    assert can_be_aligned(torch.tensor([frames]), row).tolist() == [fits]


def test_an_utterance_with_more_letters_than_frames_is_not_in_the_mean(tmp_path):
    module = transcriber()
    batch = utterances([[5, 6], list(range(2, 20)), [9, 10, 11]])
    judged = {name: values[[0, 2]] for name, values in batch.items()}
    found, expected = validate(module, batch, tmp_path), validate(module, judged, tmp_path)
    assert found["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-4)
    assert found["val_left_out"] == 1
    assert "val_left_out" not in expected


def test_where_no_utterance_can_be_judged_there_is_no_loss(tmp_path):
    found = validate(transcriber(), utterances([list(range(2, 20))]), tmp_path)
    assert "val_loss" not in found
    assert found["val_left_out"] == 1


def test_references_without_a_letter_give_no_error_rate(tmp_path):
    found = validate(transcriber(), utterances([[-100], [-100]]), tmp_path)
    assert not {"val_wer", "val_cer"} & found.keys()
    assert all(map(math.isfinite, found.values()))


def test_where_nothing_is_masked_there_is_no_loss(tmp_path):
    module = MaskedPrediction(
        variant="hubert", model_fields=TINY | NO_DROPOUT, num_classes=NUM_CLUSTERS
    )
    batch = {
        "input_values": torch.randn(2, 400 + 320 * 10),
        "mask_time_indices": torch.zeros(2, 11, dtype=torch.bool),
        "labels": torch.arange(22).reshape(2, 11) % NUM_CLUSTERS,
    }
    found = validate(module, batch, tmp_path)
    assert not {"val_loss", "val_masked_accuracy", "val_code_perplexity"} & found.keys()
    assert {"val_unmasked_accuracy", "val_padding_waste"} <= found.keys()
