"""CTC fine-tuning: the loss, what a step divides by, what is frozen when, transcripts and WER."""

import itertools
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch

from lightning_modules.errors import ModelError
from lightning_modules.speech.ctc_decoding import (
    ctc_losses,
)
from tests.samples.fitting import fit, loader, trainer
from tests.samples.recordings.ctc import FRAMES, batches, module, slow_decode, utterances
from tests.samples.recordings.speech import RIGHT_IN_BFLOAT16
from tests.samples.variants.gradients import TrainingRecord, assert_same_training
from tests.samples.variants.hubert import samples_of

PADDABLE = {"feat_extract_norm": "layer"}  # HuBERT's group norm sees the padding


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def edits(reference: list[str], heard: list[str]) -> int:
    """Count the words to insert, leave out or replace, one prefix after the other."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(reference, 1):
        before, row = row, [number]
        for place, said in enumerate(heard):
            row.append(min(row[-1] + 1, before[place + 1] + 1, before[place] + (word != said)))
    return row[-1]


class Losses(lightning.Callback):
    """Notes the loss of every step."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.found.append(trainer.callback_metrics["train_loss"].item())


def losses_in(precision: Any, folder: Path, **given: Any) -> list[float]:
    noted = Losses()
    data = batches(4, 4) * 12
    model = module(model_fields=RIGHT_IN_BFLOAT16, **given)
    fit(model, data, folder, callbacks=[noted], precision=precision, max_epochs=1)
    return noted.found


def test_mixed_bfloat16_fine_tunes_as_float32_does_but_for_its_rounding(tmp_path: Path) -> None:
    plain, mixed = (losses_in(name, tmp_path) for name in ("32-true", "bf16-mixed"))
    assert mixed == pytest.approx(plain, rel=2**-7)
    assert mixed != plain
    assert mixed[-1] < 0.8 * mixed[0]


def test_error_rates_are_counted_exactly_in_weights_of_bfloat16(tmp_path: Path) -> None:
    model, given = module(), utterances(10)
    built = trainer(tmp_path, precision="bf16-true")
    (found,) = built.test(model, loader([given] * 60), verbose=False)  # 840 words
    heard = [(words.split(), said.split()) for _, words, said in model.hypotheses]
    assert sum(len(words) for words, _ in heard) == 840
    assert found["test_wer"] == pytest.approx(sum(itertools.starmap(edits, heard)) / 840, abs=1e-6)


def test_steps_of_the_published_rate_are_lost_in_weights_of_bfloat16(tmp_path: Path) -> None:
    plain, mixed, half = (
        losses_in(name, tmp_path, lr=3e-5) for name in ("32-true", "bf16-mixed", "bf16-true")
    )
    learnt = plain[0] - plain[-1]
    assert mixed[0] - mixed[-1] == pytest.approx(learnt, rel=0.1)
    assert half[0] - half[-1] < 0.7 * learnt  # why `train.py fit` refuses it


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
@pytest.mark.parametrize("padded", [False, True])
def test_the_loss_is_that_of_transformers(variant: str, padded: bool) -> None:
    model, batch = module(variant).eval(), utterances(4, padded)
    losses, _ = model.losses(batch)
    known = {name: value for name, value in batch.items() if name != "index"}
    torch.testing.assert_close(losses.sum(), model.model(**known).loss)
    assert len(losses) == 4


def test_a_transcript_too_long_for_its_frames_costs_nothing() -> None:
    logits = torch.randn(2, 3, 5, requires_grad=True)
    labels = torch.tensor([[1, 1, 2, 3], [1, 2, -100, -100]])
    losses = ctc_losses(logits, torch.tensor([3, 3]), labels)
    assert losses[0] == 0
    assert losses[1] > 0
    losses.sum().backward()
    assert logits.grad is not None
    assert not logits.grad[0].any()


def test_the_loss_sums_the_probability_of_every_way_to_write_a_transcript() -> None:
    logits = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(1))
    log_probabilities = logits[0].log_softmax(-1)
    ways = [
        sum(log_probabilities[frame, symbol] for frame, symbol in enumerate(path))
        for path in itertools.product(range(3), repeat=4)
        if slow_decode(path) == [1, 2]
    ]
    wanted = -torch.stack(ways).logsumexp(0)  # type: ignore[arg-type]
    found = ctc_losses(logits, torch.tensor([4]), torch.tensor([[1, 2, -100]]))
    torch.testing.assert_close(found[0], wanted)


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_accumulated_batches_train_as_one_batch_does_short_last_window_included(
    variant: str, tmp_path: Path
) -> None:
    trained = []
    for size, accumulated in ((4, 1), (1, 4), (2, 2)):
        record = TrainingRecord()
        given = {"accumulate_grad_batches": accumulated, "precision": "64-true"}
        built = fit(module(variant), batches(10, size), tmp_path, callbacks=[record], **given)
        assert built.global_step == 3
        trained.append((record, built.callback_metrics["train_loss"].item()))
    (wanted, loss), *others = trained
    for found, other_loss in others:
        assert_same_training(found, wanted)
        assert other_loss == pytest.approx(loss, rel=1e-6)


def test_the_logged_loss_is_the_mean_over_utterances(tmp_path: Path) -> None:
    model = module()
    with torch.no_grad():
        wanted = model.losses(utterances(3))[0].mean().item()
    metrics = fit(model, batches(3, 1), tmp_path, accumulate_grad_batches=3).callback_metrics
    assert metrics["train_loss"].item() == pytest.approx(wanted, rel=1e-5)


def test_the_encoder_learns_only_after_the_frozen_steps_and_the_convolutions_never(
    tmp_path: Path,
) -> None:
    model = module(freeze_encoder_steps=2)
    seen = [weights(model)]

    class Watch(lightning.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            seen.append(weights(model))

    fit(model, batches(4, 1), tmp_path, callbacks=[Watch()])
    head = {"model.lm_head.weight", "model.lm_head.bias"}
    assert changed(seen[0], seen[1]) == changed(seen[1], seen[2]) == head
    later = changed(seen[2], seen[3])
    assert later > head
    assert "model.hubert.encoder.layers.0.attention.q_proj.weight" in later
    assert not any("feature_extractor" in name for name in later)


def test_the_convolutions_learn_if_asked(tmp_path: Path) -> None:
    model = module(freeze_feature_encoder=False)
    before = weights(model)
    fit(model, batches(1, 1), tmp_path)
    assert any("feature_extractor" in name for name in changed(before, weights(model)))


def test_a_frozen_encoder_keeps_its_dropout() -> None:
    model = module(freeze_encoder_steps=5, model_fields={"activation_dropout": 0.5})
    batch = utterances(2)
    first, second = (model.frame_logits(batch) for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_nothing_is_hidden_that_the_data_did_not_hide(variant: str) -> None:
    model, batch = module(variant, model_fields={"mask_time_prob": 0.9}), utterances(2)
    torch.testing.assert_close(model.frame_logits(batch), model.eval().frame_logits(batch))
    batch["mask_time_indices"] = torch.zeros(2, FRAMES, dtype=torch.bool)
    batch["mask_time_indices"][0, 5:15] = True
    hidden = module(variant).frame_logits(batch)
    plain = module(variant).frame_logits(utterances(2))
    assert not torch.allclose(hidden[0], plain[0])
    torch.testing.assert_close(hidden[1], plain[1])


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_padding_changes_nothing_nor_does_a_mask_on_it(variant: str) -> None:
    model, batch = module(variant, model_fields=PADDABLE), utterances(4, padded=True)
    losses, (_, lengths) = model.losses(batch)
    assert lengths.tolist() == [FRAMES - 3 * index for index in range(4)]
    on_padding = torch.arange(FRAMES) >= lengths[:, None]
    torch.testing.assert_close(model.losses(batch | {"mask_time_indices": on_padding})[0], losses)
    for index, frames in enumerate(lengths.tolist()):
        alone = {
            "input_values": batch["input_values"][index : index + 1, : samples_of(frames)],
            "labels": batch["labels"][index : index + 1],
        }
        torch.testing.assert_close(model.losses(alone)[0][0], losses[index], rtol=1e-4, atol=1e-4)


def test_it_learns_to_spell(tmp_path: Path) -> None:
    data = batches(3, 3) * 30
    metrics = fit(module(lr=0.01, num_hold_steps=30), data, tmp_path).callback_metrics
    untrained = fit(module(lr=0.0), data[:1], tmp_path).callback_metrics
    assert metrics["train_loss"] < 0.5 * untrained["train_loss"]


def test_the_span_of_channels_is_the_published_share_of_the_width() -> None:
    assert module().model.config.mask_feature_length == 2
    assert module(model_fields={"mask_feature_length": 5}).model.config.mask_feature_length == 5


MASKED = {"mask_feature_prob": 0.5}


def test_where_no_channels_are_masked_their_span_is_no_matter() -> None:
    module(model_fields={"mask_feature_prob": 0.0, "mask_feature_length": 0})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (MASKED | {"mask_feature_length": 25}, "`mask_feature_length` .* at most 24, .* got 25"),
        (MASKED | {"mask_feature_length": 0}, "`mask_feature_length` .* at least 1 .* got 0"),
        ({"mask_time_prob": 0.0}, "`mask_time_prob` .* above zero, got 0.0"),
        ({"apply_spec_augment": False}, "`apply_spec_augment` .* true"),
    ],
)
def test_masking_that_would_not_happen_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        module(model_fields=fields)


@pytest.mark.parametrize("alphabet", [[""], ["", "A", "A"], []])
def test_an_alphabet_that_cannot_be_is_refused(alphabet: list[str]) -> None:
    with pytest.raises(ModelError, match="`alphabet` must be the blank followed by"):
        module(alphabet=alphabet)


def test_weights_that_spell_with_other_letters_are_refused() -> None:
    checkpoint: dict[str, Any] = {}
    module(alphabet=["", "|", "B", "A"]).on_save_checkpoint(checkpoint)
    with pytest.raises(ModelError, match=r"`alphabet` must be \|BA as .* got \|AB"):
        module(alphabet=["", "|", "A", "B"]).on_load_checkpoint(checkpoint)


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path: Path) -> None:
    data = batches(2, 2)
    data[0]["input_values"][0, 50] = float("nan")
    with pytest.raises(ModelError, match="the loss must be finite, got nan at step 0; lower `lr`"):
        fit(module(), data, tmp_path)
