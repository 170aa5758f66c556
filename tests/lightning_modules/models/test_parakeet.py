"""Parakeet is the library's encoder, with its front end inside and the labels of its tokens."""

import pytest
import torch
from torch import Tensor
from transformers import ParakeetEncoder, ParakeetFeatureExtractor

from tests.samples.variants.models import batch_of, build, predict

FRAMES = (50, 33, 20)


def _recordings() -> tuple[Tensor, Tensor]:
    """Draw three of different lengths, with what is real of them."""
    generator = torch.Generator().manual_seed(0)
    samples = torch.tensor([80 + 320 * frames for frames in FRAMES])
    mask = torch.arange(int(samples.max())) < samples[:, None]
    return torch.randn(mask.shape, generator=generator) * mask, mask.long()


def _prepared_by_the_library() -> tuple[Tensor, Tensor]:
    waveforms, mask = _recordings()
    rows = [row[: int(real.sum())].numpy() for row, real in zip(waveforms, mask, strict=True)]
    prepared = ParakeetFeatureExtractor()(rows, sampling_rate=16_000, return_tensors="pt")
    return prepared.input_features, prepared.attention_mask


def test_features_are_those_of_the_library_without_the_position_that_it_calls_padding():
    expected, expected_real = _prepared_by_the_library()
    features, real = build("speech", "parakeet").model.feature_extractor(*_recordings())
    torch.testing.assert_close(features, expected[:, :-1], atol=1e-5, rtol=1e-4)
    assert torch.equal(real, expected_real[:, :-1])
    assert not expected_real[:, -1].any()


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_the_encoder_is_that_of_the_library(implementation: str) -> None:
    model = build("speech", "parakeet", implementation=implementation).eval().model
    library = ParakeetEncoder(model.config).eval()
    library.load_state_dict(model.state_dict(), strict=False)
    features, real = _prepared_by_the_library()
    with torch.no_grad():
        expected = library(input_features=features, attention_mask=real).last_hidden_state
        found = model(*_recordings()).last_hidden_state
    for row, frames in enumerate(FRAMES):
        tokens = -(-frames // 4)
        torch.testing.assert_close(
            found[row, :tokens], expected[row, :tokens], atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_padded_recording_gives_what_it_gives_alone(implementation: str) -> None:
    module = build("speech", "parakeet", implementation=implementation).eval()
    waveforms, mask = _recordings()
    padded = predict(module, {"input_values": waveforms, "attention_mask": mask})
    for row, real in enumerate(mask.sum(1).tolist()):
        alone = predict(module, {"input_values": waveforms[row : row + 1, :real]})
        torch.testing.assert_close(padded[row, : alone.shape[1]], alone[0], atol=1e-4, rtol=1e-4)


def test_a_mask_that_hides_nothing_changes_nothing() -> None:
    module = build("speech", "parakeet").eval()
    waveforms = batch_of("speech", 21)["input_values"]
    whole = {"input_values": waveforms, "attention_mask": torch.ones_like(waveforms).long()}
    alone = predict(module, {"input_values": waveforms})
    torch.testing.assert_close(predict(module, whole), alone, atol=1e-5, rtol=1e-4)


def test_the_loss_counts_the_masked_among_the_frames_with_which_tokens_begin() -> None:
    module = build("speech", "parakeet")
    batch = batch_of("speech", 13)
    logits = torch.randn(2, 4, 7)
    chosen = [0, 4, 8, 12]
    mask = batch["mask_time_indices"][:, chosen]
    labels = batch["labels"][:, chosen]
    expected = torch.nn.functional.cross_entropy(logits[mask], labels[mask])
    torch.testing.assert_close(module.loss(logits, batch), expected)


def test_a_masked_frame_hides_its_audio_from_the_encoder() -> None:
    module = build("speech", "parakeet").eval()
    batch = batch_of("speech", 40)
    mask = torch.zeros(2, 40, dtype=torch.bool)
    mask[:, 12:20] = True
    given = {"input_values": batch["input_values"], "mask_time_indices": mask}
    seen = []
    subsampling = module.model.subsampling
    subsampling.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        module(**given)
        module(**given | {"mask_time_indices": None})
    hidden, plain = seen
    assert torch.equal(hidden[:, 24:40], module.model.masked_spec_embed.expand(2, 16, 80))
    assert torch.equal(hidden[:, :24], plain[:, :24])
    assert torch.equal(hidden[:, 40:], plain[:, 40:])


def test_an_encoder_of_the_library_is_a_checkpoint(tmp_path) -> None:
    library = ParakeetEncoder(build("speech", "parakeet").model.config)
    library.save_pretrained(tmp_path)
    loaded = build("speech", "parakeet", checkpoint=str(tmp_path))
    for name, value in library.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value), name
    fresh = build("speech", "parakeet").model.feature_extractor
    torch.testing.assert_close(loaded.model.feature_extractor.filters, fresh.filters)
    torch.testing.assert_close(loaded.model.feature_extractor.window, fresh.window)
    assert loaded.model.masked_spec_embed.isfinite().all()
