"""Speech recognition the SUPERB way: what is frozen, what is augmented, what it transcribes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.utterances.alphabet import LETTERS, spell
from lightning_modules.errors import ModelError
from lightning_modules.speech.ctc_decoding import decode_greedily
from lightning_modules.speech.spec_augment import augment_features
from lightning_modules.speech.superb import BlstmHead, SuperbAsr
from tests.samples.fitting import fit, predict
from tests.samples.recordings.speech import TINY
from tests.samples.variants.hubert import samples_of, waveform

FRAMES = 30
TEXTS = ("AB", "ME", "ON NO")


def module(variant: str = "lhubert", **given: Any) -> SuperbAsr:
    torch.manual_seed(0)
    window = {"attention_window": 8} if variant == "lhubert" else {}
    chosen: dict[str, Any] = {"head_size": 20, "spec_augment": False} | window | given
    chosen["model_fields"] = TINY | {"feat_extract_norm": "layer"} | given.get("model_fields", {})
    return SuperbAsr(variant=variant, **chosen)


def batch() -> dict[str, torch.Tensor]:
    """Return three utterances, each five frames shorter than the one before."""
    real = torch.tensor([samples_of(FRAMES - 5 * index) for index in range(3)])
    is_real = torch.arange(samples_of(FRAMES)) < real[:, None]
    spelled = [torch.tensor(spell(text)) for text in TEXTS]
    return {
        "input_values": waveform(FRAMES, 3) * is_real,
        "attention_mask": is_real.long(),
        "labels": torch.nn.utils.rnn.pad_sequence(spelled, True, -100),
        "index": torch.arange(3),
    }


def test_only_the_sum_and_the_head_learn(tmp_path: Path) -> None:
    model = module(spec_augment=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fitted = fit(model, [batch()] * 2, tmp_path)
    after = model.state_dict()
    learned = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert {name.split(".")[0] for name in learned} == {"mix", "head"}
    assert not model.upstream.training
    assert fitted.callback_metrics["train_loss"] > 0


def test_the_model_below_has_no_dropout_layerdrop_or_masks_in_training() -> None:
    model = module(head_dropout=0.0, model_fields={"hidden_dropout": 0.5, "mask_time_prob": 0.9})
    assert model.train().head.training
    assert torch.equal(model.frame_logits(batch()), model.frame_logits(batch()))


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_padding_changes_nothing(variant: str) -> None:
    model, together = module(variant).eval(), batch()
    logits = model.frame_logits(together)
    for index in range(3):
        frames = FRAMES - 5 * index
        alone = {"input_values": together["input_values"][index : index + 1, : samples_of(frames)]}
        found = model.frame_logits(alone)[0]
        torch.testing.assert_close(found, logits[index, :frames], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
@pytest.mark.parametrize("norm", ["first", "last"])
def test_a_recording_alone_gives_the_same_transcript(
    variant: str, norm: str, tmp_path: Path
) -> None:
    model = module(variant, model_fields={"do_stable_layer_norm": norm == "first"}).eval()
    with torch.no_grad():  # so that something is said, and the layers differ in weight
        model.head.output.weight.mul_(100)
        model.mix.logits.copy_(torch.tensor([1.0, 0.0, -1.0]))
    wanted = model.frame_logits(batch())
    lengths = torch.tensor([FRAMES - 5 * index for index in range(3)])
    (found,) = predict(model, [batch()], tmp_path)
    assert found == decode_greedily(wanted, lengths, LETTERS)
    assert any(found)


def test_the_head_learns_to_tell_frames_apart() -> None:
    torch.manual_seed(0)
    head = BlstmHead(6, 12, 3, 0.0)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    features, lengths = torch.randn(4, 10, 6), torch.tensor([10, 9, 8, 7])
    # The sign of the next frame: only the backward direction sees it.
    wanted = (features[:, 1:, 0] > 0).long()
    losses = []
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(head(features, lengths)[:, :6].mT, wanted[:, :6])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@settings(max_examples=40)
@given(frames=st.integers(1, 60), size=st.integers(1, 70), seed=st.integers(0, 99))
def test_augmenting_keeps_the_shape_and_the_padding(frames: int, size: int, seed: int) -> None:
    torch.manual_seed(seed)
    features = torch.randn(2, frames + 3, size) + 9
    lengths = torch.tensor([frames, frames + 3])
    given_features = features.clone()
    augmented = augment_features(features, lengths)
    assert torch.equal(features, given_features)
    assert augmented.shape == features.shape
    assert torch.equal(augmented[0, frames:], features[0, frames:])
    assert augmented.isfinite().all()


def test_augmenting_hides_frames_and_channels_as_often_as_it_says() -> None:
    torch.manual_seed(0)
    features = torch.randn(300, 200, 100) + 9
    augmented = augment_features(features, torch.full((300,), 200))
    hidden_frames = (augmented == 0).all(2).float().mean().item()
    hidden_channels = (augmented == 0).all(1).float().mean().item()
    # Two bands of 20 of 200 frames on average, four of 25 of 100 channels, where they do not meet.
    assert 0.15 < hidden_frames < 0.2
    assert 0.5 < hidden_channels < 0.8


def test_augmented_utterances_differ_from_each_other_and_are_warped() -> None:
    torch.manual_seed(0)
    ramp = torch.linspace(1, 2, 100)[None, :, None].expand(4, 100, 200)
    augmented = augment_features(ramp, torch.full((4,), 100))
    assert not torch.equal(augmented[0], augmented[1])
    kept = augmented != 0
    moved = (augmented - ramp).abs()[kept]
    assert 0.005 < moved.max() < 0.08  # up to five of a hundred frames


def test_gradients_reach_every_layer_weight() -> None:
    model = module()
    model.losses(batch())[0].sum().backward()
    assert model.mix.logits.grad is not None
    assert (model.mix.logits.grad != 0).all()


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("head_size", 0, "at least 1, got 0"),
        ("head_dropout", 20.0, "from 0 to 1, got 20.0"),
        ("head_dropout", -0.1, "from 0 to 1, got -0.1"),
    ],
)
def test_a_head_that_cannot_be_is_refused(setting: str, value: float, words: str) -> None:
    with pytest.raises(ModelError, match=f"`{setting}` must be {words}"):
        module(variant="lhubert", **{setting: value})


def test_layerdrop_is_refused() -> None:
    with pytest.raises(ModelError, match="`layerdrop` .* must be 0 for a sum of layers, got 0.2"):
        module(model_fields={"layerdrop": 0.2})


def test_a_model_whose_layers_hold_no_padding_is_refused() -> None:
    with pytest.raises(ModelError, match="`implementation` must be eager or sdpa .* got unpadded"):
        module("hubert", implementation="unpadded")
