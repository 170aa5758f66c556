"""The pre-training module: what a step divides by, what it logs, what it refuses."""

from typing import Any

import lightning
import pytest
import torch
from torch.nn import functional

from lightning_modules.errors import ModelError
from lightning_modules.speech.figures import draw_masked_prediction
from lightning_modules.speech.masked_prediction import MaskedPrediction
from tests.samples.fitting import fit, loader, predict, trainer
from tests.samples.recordings.speech import NO_DROPOUT, NUM_CLUSTERS, RIGHT_IN_BFLOAT16, TINY
from tests.samples.variants.gradients import TrainingRecord, assert_same_training
from tests.samples.variants.hubert import samples_of, waveform

FRAMES = 30


def module(variant="lhubert", fields=None, **settings):
    torch.manual_seed(0)
    given = {"num_classes": NUM_CLUSTERS, "num_warmup_steps": 1, "lr": 0.003} | settings
    window = 8 if variant == "lhubert" else None
    fields = TINY | NO_DROPOUT | (fields or {})
    return MaskedPrediction(variant=variant, attention_window=window, model_fields=fields, **given)


def utterances(count):
    """Return utterances that hide unequal numbers of frames."""
    generator = torch.Generator().manual_seed(2)
    hidden = torch.zeros(count, FRAMES, dtype=torch.bool)
    for index in range(count):
        hidden[index, : 3 + 5 * (index % 4)] = True
    labels = torch.randint(NUM_CLUSTERS, (count, FRAMES), generator=generator)
    return {
        "input_values": waveform(FRAMES, count),
        "mask_time_indices": hidden,
        "labels": labels,
        "index": torch.arange(count),
    }


def batches(count, size):
    given = utterances(count)
    return [
        {name: value[first : first + size] for name, value in given.items()}
        for first in range(0, count, size)
    ]


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_the_convolutions_learn_at_the_rate_that_is_given(variant):
    assert module(variant).model.feature_grad_mult == 0.1
    assert module(variant, {"feature_grad_mult": 1}).model.feature_grad_mult == 1


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_accumulated_batches_train_as_one_batch_does_short_last_window_included(variant, tmp_path):
    trained = []
    for size, accumulated in ((4, 1), (1, 4), (2, 2)):
        record = TrainingRecord()
        given = {"accumulate_grad_batches": accumulated, "precision": "64-true", "max_epochs": 2}
        built = fit(module(variant), batches(10, size), tmp_path, callbacks=[record], **given)
        assert built.global_step == 6
        trained.append((record, built.callback_metrics["train_loss"].item()))
    (wanted, loss), *others = trained
    for found, other_loss in others:
        assert_same_training(found, wanted)
        assert other_loss == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_clusters_are_predicted_of_real_frames_only_each_recording_as_if_alone(variant, tmp_path):
    model, audio = module(variant), waveform(FRAMES, 2)
    lengths = [samples_of(FRAMES), samples_of(11)]
    is_real = torch.arange(audio.shape[1]) < torch.tensor(lengths)[:, None]
    together = {"input_values": audio * is_real, "attention_mask": is_real.long()}
    (found,) = predict(model, [together], tmp_path)
    assert [len(codes) for codes in found] == [FRAMES, 11]
    for codes, row, length in zip(found, audio, lengths, strict=True):
        with torch.no_grad():
            assert torch.equal(codes, model.model(row[None, :length]).logits[0].argmax(-1))
    assert model.predict_step({}, 0) == []


def test_a_long_recording_is_never_computed_as_a_whole(monkeypatch):
    model, audio = module().eval(), waveform(FRAMES)
    with torch.no_grad():
        wanted = model.model(audio).logits[0].argmax(-1)
    monkeypatch.setattr(model.model, "forward", None)
    monkeypatch.setattr(model.model.hubert, "forward", None)
    monkeypatch.setattr("lightning_modules.speech.masked_prediction.CHUNK_FRAMES", 7)
    (found,) = model.predict_step({"input_values": audio}, 0)
    assert torch.equal(found, wanted)


class Losses(lightning.Callback):
    """Notes the loss of every step."""

    def __init__(self):
        self.found = []

    def on_train_batch_end(self, trainer, module, *_):
        self.found.append(trainer.callback_metrics["train_loss"].item())


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_mixed_bfloat16_trains_as_float32_does_but_for_its_rounding(variant, tmp_path):
    losses = {}
    for precision in ("32-true", "bf16-mixed"):
        given, noted = {"precision": precision, "max_epochs": 1}, Losses()
        model = module(variant, RIGHT_IN_BFLOAT16)
        built = fit(model, batches(4, 4) * 12, tmp_path, callbacks=[noted], **given)
        losses[precision] = noted.found
        assert {p.dtype for p in built.lightning_module.parameters()} == {torch.float32}
    # A value of bfloat16 is off by up to 2 ** -9; a mean over many is off by less.
    assert losses["bf16-mixed"] == pytest.approx(losses["32-true"], rel=2**-7)
    assert losses["bf16-mixed"] != losses["32-true"]
    assert losses["bf16-mixed"][-1] < 0.8 * losses["bf16-mixed"][0]


def test_a_step_divides_the_summed_loss_by_the_masked_frames(tmp_path):
    given = batches(4, 4)
    model = module()
    with torch.no_grad():
        alone = [
            model({name: value[index : index + 1] for name, value in given[0].items()})
            for index in range(4)
        ]
    wanted = sum(each.loss for each in alone) / sum(each.num_masked for each in alone)
    metrics = fit(model, given, tmp_path, max_steps=1).callback_metrics
    assert metrics["train_loss"].item() == pytest.approx(wanted.item(), rel=1e-5)
    assert metrics["train_padding_waste"] == 0
    assert metrics["gradient_norm"] > 0


def test_what_is_logged_is_counted_by_hand(tmp_path):
    given = batches(6, 3)
    model = module(lr=0.0).eval()
    (metrics,) = trainer(tmp_path).validate(model, loader(given), verbose=False)
    whole = utterances(6)
    with torch.no_grad():
        right = model(whole).logits.argmax(-1) == whole["labels"]
        codes = model(whole).logits.argmax(-1)[whole["mask_time_indices"]]
    hidden = whole["mask_time_indices"]
    assert metrics["val_masked_accuracy"] == pytest.approx(right[hidden].float().mean().item())
    assert metrics["val_unmasked_accuracy"] == pytest.approx(right[~hidden].float().mean().item())
    shares = torch.bincount(codes).double() / len(codes)
    shares = shares[shares > 0]
    perplexity = (-(shares * shares.log()).sum()).exp().item()
    assert metrics["val_code_perplexity"] == pytest.approx(perplexity, rel=1e-5)


def test_it_learns_what_the_sound_tells(tmp_path):
    given = batches(8, 4)
    for batch in given:
        louder = batch["input_values"].unfold(1, 400, 320).square().mean(-1)
        batch["labels"] = (louder > louder.median(1, keepdim=True).values).long()
    first, last = (
        fit(module(lr=0.01), given, tmp_path, max_steps=steps).callback_metrics["train_loss"]
        for steps in (1, 40)
    )
    assert last < 0.7 * first


def test_a_process_without_a_batch_left_counts_nothing(tmp_path):
    given = batches(3, 3)
    found = []
    for batches_seen in (given, [*given, {}]):
        found += trainer(tmp_path).validate(module(), loader(batches_seen), verbose=False)
    assert found[0] == found[1]


def test_frames_that_are_seen_count_as_much_as_their_weight_says(tmp_path):
    given = batches(4, 4)
    model = module(unmasked_weight=0.5, penalty_weight=0.0, lr=0.0)
    labels = given[0]["labels"]
    gradient = torch.autograd.grad(
        _weighted(model, given[0], 0.5) / labels.numel(), model.model.final_proj.weight
    )[0]
    seen = []
    model.on_before_optimizer_step = lambda optimizer: seen.append(
        type(model).on_before_optimizer_step(model, optimizer)
        or model.model.final_proj.weight.grad.clone()
    )
    fit(model, given, tmp_path, max_steps=1)
    torch.testing.assert_close(seen[0], gradient, rtol=1e-3, atol=1e-6)


def _weighted(model, batch, weight):
    """Sum the losses of all frames, those that are seen with a weight."""
    logits = model.model(batch["input_values"], mask_time_indices=batch["mask_time_indices"]).logits
    losses = functional.cross_entropy(logits.transpose(1, 2), batch["labels"], reduction="none")
    return (losses * torch.where(batch["mask_time_indices"], 1.0, weight)).sum()


def test_labels_of_another_kmeans_are_refused_on_resume():
    checkpoint: dict[str, Any] = {}
    trained = module(centroids="abc")
    trained.on_train_start()
    trained.on_save_checkpoint(checkpoint)
    module(centroids="abc").on_load_checkpoint(checkpoint)
    with pytest.raises(ModelError, match="`labels` must be of the k-means abc .* got xyz"):
        module(centroids="xyz").on_load_checkpoint(checkpoint)


@pytest.mark.parametrize("setting", ["unmasked_weight", "penalty_weight"])
def test_a_weight_below_zero_is_refused(setting):
    with pytest.raises(ModelError, match=f"`{setting}` must be at least 0, got -0.5"):
        module(**{setting: -0.5})


def test_spans_of_no_channel_are_refused_where_channels_are_masked():
    module(fields={"mask_feature_length": 0})
    with pytest.raises(ModelError, match="`mask_feature_length` .* at least 1 .* got 0"):
        module(fields={"mask_feature_length": 0, "mask_feature_prob": 0.5})


def test_a_loss_that_is_not_finite_stops_with_advice(tmp_path):
    given = batches(2, 2)
    given[0]["input_values"][0, 50] = float("nan")
    with pytest.raises(ModelError, match="the loss must be finite, got nan at step 0; lower `lr`"):
        fit(module(), given, tmp_path)


def test_the_picture_shows_every_hidden_span():
    given = utterances(4)
    hidden = given["mask_time_indices"][2].clone()
    hidden[20:25] = True
    figure = draw_masked_prediction(given["input_values"][2], hidden, *[given["labels"][2]] * 2)
    above = figure.axes[0]
    assert [patch.get_x() for patch in above.patches] == pytest.approx([0.0, 0.4])
    assert "100%" in above.get_title()
