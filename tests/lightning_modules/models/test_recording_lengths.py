"""Real recordings end anywhere: every speech variant trains on whatever number of samples."""

from pathlib import Path

import pytest
import torch

from datamodules.modalities.speech import SpeechData
from lightning_modules.errors import ModelError
from lightning_modules.variants import VARIANTS
from tests.samples.recordings.speech import write_sound
from tests.samples.variants.models import build, predict

# Behind their last whole frame are 240, 159 and 300 samples: up to two positions of mel bands more.
ENDS = (16_000, 15_919, 400 + 320 * 47 + 300)
SPEECH = sorted(VARIANTS["speech"])


def read_batch(folder: Path, lengths: tuple[int, ...]) -> dict[str, torch.Tensor]:
    for number, num_samples in enumerate(lengths):
        write_sound(folder / f"{number}.wav", num_samples, number)
    (batch,) = SpeechData(str(folder), num_levels=2).predict_dataloader()
    return dict(batch)


@pytest.mark.parametrize("variant", SPEECH)
@pytest.mark.parametrize("lengths", [*((end,) for end in ENDS), ENDS])
def test_a_variant_trains_on_recordings_of_any_length(variant, lengths, tmp_path, monkeypatch):
    module = build("speech", variant)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)  # there is no Trainer
    batch = read_batch(tmp_path, lengths)
    loss = module.training_step(batch, 0)
    loss.backward()
    assert loss.isfinite()
    assert loss > 0
    tokens = module.sequence_length(batch["labels"].shape[1])
    assert predict(module, batch).shape == (len(lengths), tokens, 7)


@pytest.mark.parametrize("end", ENDS)
def test_parakeet_leaves_out_what_is_behind_the_last_whole_frame(end):
    module = build("speech", "parakeet").eval()
    waveform = torch.randn(1, end, generator=torch.Generator().manual_seed(0))
    whole = waveform[:, : 80 + 320 * ((end - 400) // 320 + 1)]
    found, expected = (predict(module, {"input_values": each}) for each in (waveform, whole))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("variant", ["parakeet", "whisper"])
def test_a_recording_that_ends_anywhere_gives_in_a_padded_batch_what_it_gives_alone(variant):
    module = build("speech", variant).eval()
    real = torch.arange(20_000) < torch.tensor(ENDS)[:, None]
    waveforms = torch.randn(real.shape, generator=torch.Generator().manual_seed(0)) * real
    padded = predict(module, {"input_values": waveforms, "attention_mask": real.long()})
    for row, end in enumerate(ENDS):
        alone = predict(module, {"input_values": waveforms[row : row + 1, :end]})
        torch.testing.assert_close(padded[row, : alone.shape[1]], alone[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("variant", SPEECH)
def test_a_recording_shorter_than_a_frame_is_refused(variant):
    with pytest.raises(ModelError, match="`input_values` must have at least 400 samples, one fr"):
        predict(build("speech", variant), {"input_values": torch.zeros(1, 399)})
