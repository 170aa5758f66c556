"""Whisper is the library's encoder over 30 seconds, with its front end inside."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModel, WhisperFeatureExtractor, WhisperModel
from transformers.models.whisper.modeling_whisper import WhisperEncoder, sinusoids

from datamodules.modalities.synthetic import SyntheticSpeech
from lightning_modules.attention.interface import localize
from lightning_modules.checkpoints.exporting import export
from lightning_modules.errors import ModelError
from lightning_modules.models.speech.thirty_seconds import ThirtySeconds
from lightning_modules.models.speech.waveform_whisper import WaveformWhisper
from lightning_modules.variants import build_module
from tests.samples.variants.models import batch_of, build, predict

FRAMES = (50, 33, 20)
FRAMES_OF_30_S = 1500
MOST_EPOCHS = 10


def _recordings() -> tuple[Tensor, Tensor]:
    """Draw three of different lengths and loudness, with noise where they are padded."""
    generator = torch.Generator().manual_seed(0)
    samples = torch.tensor([80 + 320 * frames for frames in FRAMES])
    mask = torch.arange(int(samples.max())) < samples[:, None]
    loudness = torch.tensor([0.1, 1.0, 30.0])[:, None]
    return torch.randn(mask.shape, generator=generator) * loudness, mask.long()


def _prepared_by_the_library(rows: list[Tensor], bands: int = 80) -> Tensor:
    extractor = WhisperFeatureExtractor(feature_size=bands)
    arrays = [row.numpy() for row in rows]
    return extractor(arrays, sampling_rate=16_000, return_tensors="pt").input_features


@pytest.mark.parametrize("bands", [80, 128])
def test_features_are_those_of_the_library(bands: int) -> None:
    waveforms, mask = _recordings()
    rows = [row[real.bool()] for row, real in zip(waveforms, mask, strict=True)]
    found = ThirtySeconds(bands)(waveforms, mask)
    assert found.shape == (3, bands, 3000)
    torch.testing.assert_close(found, _prepared_by_the_library(rows, bands), atol=1e-4, rtol=1e-4)


def test_what_the_last_frame_sees_behind_thirty_seconds_is_cut_off() -> None:
    waveform = torch.randn(1, 400 + 320 * 1499, generator=torch.Generator().manual_seed(1))
    expected = _prepared_by_the_library([waveform[0]])
    torch.testing.assert_close(ThirtySeconds(80)(waveform), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_the_encoder_is_that_of_the_library(implementation: str) -> None:
    model = build("speech", "whisper", implementation=implementation).eval().model
    library = WhisperEncoder(model.config).eval()
    library.load_state_dict(model.state_dict(), strict=False)
    waveform = batch_of("speech", 50, batch_size=1)["input_values"]
    with torch.no_grad():
        expected = library(_prepared_by_the_library([*waveform])).last_hidden_state
        found = model(waveform).last_hidden_state
    assert found.shape == (1, 1500, 128)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_a_padded_recording_gives_what_it_gives_alone() -> None:
    module = build("speech", "whisper").eval()
    waveforms, mask = _recordings()
    padded = predict(module, {"input_values": waveforms, "attention_mask": mask})
    for row, real in enumerate(mask.sum(1).tolist()):
        alone = predict(module, {"input_values": waveforms[row : row + 1, :real]})
        torch.testing.assert_close(padded[row, : alone.shape[1]], alone[0], atol=1e-4, rtol=1e-4)


def test_positions_are_the_published_sinusoids_and_stay_so() -> None:
    positions = build("speech", "whisper").model.embed_positions.weight
    assert torch.equal(positions, sinusoids(*positions.shape))
    assert not positions.requires_grad


def test_it_learns_to_name_the_tones_that_it_hears() -> None:
    torch.manual_seed(0)
    data = SyntheticSpeech(sequence_length=FRAMES_OF_30_S, num_classes=4, batch_size=1)
    data.setup("fit")
    module = build_module("speech", "whisper", size="tiny", num_classes=4)
    optimizer = torch.optim.AdamW((p for p in module.parameters() if p.requires_grad), lr=0.002)
    losses: list[float] = []
    for _ in range(MOST_EPOCHS):
        for batch in data.train_dataloader():
            loss = cross_entropy(module(batch["input_values"])[0], batch["labels"][0])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if losses[-1] < 0.5 * math.log(4):  # of guessing
                return
    raise AssertionError(f"it has not learned: {losses[:3]} ... {losses[-3:]}")


def test_a_recording_beyond_thirty_seconds_is_refused() -> None:
    module = build("speech", "whisper")
    longest = torch.zeros(1, 400 + 320 * 1499 + 319)
    assert predict(module, {"input_values": longest}).shape == (1, 1500, 7)
    with pytest.raises(ModelError, match="at most 1,500 frames of 20 ms for whisper, got 1,501"):
        predict(module, {"input_values": torch.zeros(1, 400 + 320 * 1500)})


def test_a_masked_frame_hides_its_audio_from_the_encoder() -> None:
    model = build("speech", "whisper").eval().model
    waveforms = batch_of("speech", 40)["input_values"]
    mask = torch.zeros(2, 40, dtype=torch.bool)
    mask[:, 12:20] = True
    seen = []
    model.conv1.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        model(waveforms, mask_time_indices=mask)
        model(waveforms)
    hidden, plain = seen
    vector = model.masked_spec_embed[:, None]
    assert torch.equal(hidden[..., 24:40], vector.expand(2, 80, 16))
    assert torch.equal(hidden[..., :24], plain[..., :24])
    assert torch.equal(hidden[..., 40:], plain[..., 40:])


def test_a_whisper_of_the_library_is_a_checkpoint_that_may_have_more_bands(tmp_path) -> None:
    config = build("speech", "whisper").model.config
    config.num_mel_bins, config.decoder_layers, config.vocab_size = 128, 1, 50
    config.pad_token_id = config.bos_token_id = config.eos_token_id = 1
    config.decoder_attention_heads = 2
    library = WhisperModel(config)
    library.save_pretrained(tmp_path)
    loaded = build("speech", "whisper", checkpoint=str(tmp_path))
    for name, value in library.encoder.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value), name
    fresh = ThirtySeconds(128)
    torch.testing.assert_close(loaded.model.feature_extractor.filters, fresh.filters)
    torch.testing.assert_close(loaded.model.feature_extractor.window, fresh.window)
    assert loaded.model.masked_spec_embed.isfinite().all()
    assert predict(loaded, batch_of("speech", 20)).isfinite().all()


def test_the_library_takes_the_encoder_from_an_exported_folder(tmp_path) -> None:
    module = build("speech", "whisper")
    export(module, None, str(tmp_path / "first"))
    again = WaveformWhisper.from_pretrained(tmp_path / "first")
    again.save_pretrained(tmp_path / "second")
    for folder in ("first", "second"):
        library = AutoModel.from_pretrained(tmp_path / folder)
        assert isinstance(library, WhisperModel)
        for name, value in library.encoder.state_dict().items():
            assert torch.equal(module.model.state_dict()[name], value), name
    loaded = build("speech", "whisper", checkpoint=str(tmp_path / "second"))
    for name, value in module.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value), name


def test_a_window_that_covers_thirty_seconds_changes_nothing_and_a_narrow_one_does() -> None:
    waveforms = {"input_values": batch_of("speech", 30, batch_size=1)["input_values"]}
    expected = predict(build("speech", "whisper"), waveforms)
    for window, is_same in ((2998, True), (64, False)):
        module = build("speech", "whisper")
        localize(module.model, attention_window=window)
        found = predict(module, waveforms)
        assert torch.allclose(found, expected, atol=1e-5) == is_same
