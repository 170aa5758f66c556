"""Classification of recordings: the sum of layers, padding, what is frozen."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lightning_modules.checkpoints.exporting import export
from lightning_modules.errors import ModelError
from lightning_modules.speech.classification import ClassificationModule
from lightning_modules.speech.layer_mixing import LayerMix
from tests.samples.fitting import fit, loader, predict, trainer
from tests.samples.recordings.speech import NO_DROPOUT, TINY
from tests.samples.variants.gradients import TrainingRecord, assert_same_training
from tests.samples.variants.hubert import samples_of, waveform

FRAMES = 20
CLASSES = ["down", "left", "up"]
STILL = TINY | NO_DROPOUT | {"classifier_proj_size": 16, "feat_extract_norm": "layer"}


def module(variant: str = "lhubert", **given: Any) -> ClassificationModule:
    torch.manual_seed(0)
    window = {"attention_window": 8} if variant == "lhubert" else {}
    chosen: dict[str, Any] = {"classes": CLASSES} | window | given
    chosen["model_fields"] = STILL | given.get("model_fields", {})
    return ClassificationModule(variant=variant, **chosen)


def batch(count: int = 6) -> dict[str, torch.Tensor]:
    """Return recordings of three classes, one louder than the other."""
    labels = torch.arange(count) % len(CLASSES)
    sounds = waveform(FRAMES, count) * 4.0 ** (labels[:, None] - 1)
    return {"input_values": sounds, "labels": labels, "index": torch.arange(count)}


def padded(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    real = torch.tensor([samples_of(FRAMES - 2 * i) for i in range(len(given["labels"]))])
    is_real = torch.arange(given["input_values"].shape[1]) < real[:, None]
    return given | {
        "input_values": given["input_values"] * is_real,
        "attention_mask": is_real.long(),
    }


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_the_loss_is_that_of_transformers(variant: str) -> None:
    model, given = module(variant).eval(), padded(batch())
    losses, _ = model.losses(given)
    known = {name: value for name, value in given.items() if name != "index"}
    torch.testing.assert_close(losses.mean(), model.model(**known).loss)


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_the_mean_is_over_frames_that_are_no_padding(variant: str) -> None:
    model, given = module(variant).eval(), padded(batch(4))
    together = model(given)
    for index, logits in enumerate(together):
        alone = given["input_values"][index : index + 1, : samples_of(FRAMES - 2 * index)]
        torch.testing.assert_close(model({"input_values": alone})[0], logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("sums", [True, False])
@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_a_recording_alone_has_the_same_logits(
    variant: str, sums: bool, norm_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"use_weighted_layer_sum": sums, "do_stable_layer_norm": norm_first}
    model, sound = module(variant, model_fields=fields).eval(), waveform(FRAMES)
    if sums:  # the layers are to differ in weight
        model.model.layer_weights.data.copy_(torch.tensor([0.0, 1.0, 3.0]))
    wanted = model({"input_values": sound})[0]
    monkeypatch.setattr(model.model, "forward", None)
    if variant == "lhubert":  # whose layers are computed in chunks
        monkeypatch.setattr(model.model.hubert, "forward", None)
    torch.testing.assert_close(model.recording_logits(sound[0]), wanted)


def test_the_weights_of_the_layers_sum_to_one_and_are_learned(tmp_path: Path) -> None:
    model = module(lr=0.05)
    before = model.model.layer_weights.softmax(-1)
    assert before.tolist() == pytest.approx([1 / 3] * 3)
    fit(model, [batch()] * 3, tmp_path)
    after = model.model.layer_weights.softmax(-1)
    assert after.sum().item() == pytest.approx(1)
    assert not torch.allclose(after, before)


def test_a_frozen_model_does_not_learn_and_has_no_dropout(tmp_path: Path) -> None:
    model = module(freeze_upstream=True, lr=0.01, model_fields={"hidden_dropout": 0.5}).train()
    assert torch.equal(model(batch()), model(batch()))
    before = weights(model)
    fit(model, [batch()], tmp_path)
    after = weights(model)
    learned = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert {name.split(".")[1] for name in learned} == {"layer_weights", "projector", "classifier"}


def test_accumulated_batches_train_as_one_batch_does_short_last_window_included(
    tmp_path: Path,
) -> None:
    whole, trained = batch(10), []
    for size, accumulated in ((4, 1), (1, 4)):
        data = [
            {n: v[first : first + size] for n, v in whole.items()} for first in range(0, 10, size)
        ]
        record = TrainingRecord()
        given = {"accumulate_grad_batches": accumulated, "precision": "64-true"}
        built = fit(module(lr=0.003), data, tmp_path, callbacks=[record], **given)
        assert built.global_step == 3
        trained.append(record)
    assert_same_training(*trained)


def test_accuracy_is_counted_by_hand_and_empty_batches_are_skipped(tmp_path: Path) -> None:
    class Told(ClassificationModule):
        def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            return torch.eye(3)[[0, 0, 2, 0, 0, 0]][batch["index"]]

    model = Told(variant="hubert", classes=CLASSES, model_fields=STILL)
    data = loader([batch(), {}])
    (metrics,) = trainer(tmp_path).test(model, data, verbose=False)
    assert metrics["test_accuracy"] == pytest.approx(3 / 6)
    assert metrics["test_loss"] > 0
    assert model.predict_step({}, 0) == []


def test_it_learns_and_says_the_names_of_the_classes(tmp_path: Path) -> None:
    # The convolutions' group norm would make all sounds equally loud.
    model, given = module(lr=0.01), batch()
    fit(model, [given] * 40, tmp_path)
    (found,) = predict(model, [given], tmp_path)
    assert found == [CLASSES[label] for label in given["labels"].tolist()]


def test_spans_of_no_channel_are_refused_where_channels_are_masked() -> None:
    with pytest.raises(ModelError, match="`mask_feature_length` .* at least 1 .* got 0"):
        module(model_fields={"mask_feature_length": 0, "mask_feature_prob": 0.5})


@pytest.mark.parametrize("classes", [None, ["only"]])
def test_fewer_than_two_classes_are_refused(classes: list[str] | None) -> None:
    with pytest.raises(ModelError, match="`classes` must be at least two, got"):
        module(classes=classes)


def test_a_trained_head_is_not_given_other_names(tmp_path: Path) -> None:
    trained = module()
    export(trained, None, str(tmp_path / "exported"))
    given: dict[str, Any] = {"checkpoint": str(tmp_path / "exported"), "variant": "lhubert"}
    again = ClassificationModule(classes=CLASSES, **given)
    torch.testing.assert_close(again.eval()(batch()), trained.eval()(batch()))
    for others in (["x", "y", "z"], ["left", "down", "up"]):
        words = f"`classes` must be down, left, up as .* got {', '.join(others)}"
        with pytest.raises(ModelError, match=words):
            ClassificationModule(classes=others, **given)
    assert ClassificationModule(classes=["x", "y"], **given).head_is_random


@pytest.mark.parametrize("count", [2, 3])  # two is the default of the library, which it leaves out
def test_a_trained_head_without_names_takes_those_of_the_data(count: int, tmp_path: Path) -> None:
    trained = module(classes=CLASSES[:count])
    trained.model.config.num_labels = count
    trained.model.config.id2label = {number: f"LABEL_{number}" for number in range(count)}
    trained.model.save_pretrained(tmp_path)
    again = ClassificationModule(classes=["x", "y", "z"][:count], checkpoint=str(tmp_path))
    assert not again.head_is_random


def test_layerdrop_is_refused_where_layers_are_summed() -> None:
    with pytest.raises(ModelError, match="`layerdrop` .* must be 0 for a sum of layers, got 0.1"):
        module(model_fields={"layerdrop": 0.1})


def test_a_model_whose_layers_hold_no_padding_takes_the_last_of_them_only() -> None:
    with pytest.raises(ModelError, match="`implementation` must be eager or sdpa .* got unpadded"):
        module("hubert", implementation="unpadded")
    last = {"use_weighted_layer_sum": False}
    plain, unpadded = (
        module("hubert", implementation=name, model_fields=last).eval()
        for name in ("sdpa", "unpadded")
    )
    given = padded(batch())
    torch.testing.assert_close(unpadded(given), plain(given), rtol=1e-4, atol=1e-5)


def test_a_mix_starts_as_the_mean_and_refuses_missing_layers() -> None:
    states = torch.randn(3, 2, 5, 4).unbind()
    mix = LayerMix(3)
    torch.testing.assert_close(mix(states), torch.stack(states).mean(0))
    with torch.no_grad():
        mix.logits.copy_(torch.tensor([0.0, 1.0, -2.0]))
    wanted = torch.einsum("lbfs,l->bfs", torch.stack(states), torch.tensor([0.0, 1, -2]).softmax(0))
    torch.testing.assert_close(mix(states), wanted)
    assert mix.weights().sum().item() == pytest.approx(1)
    with pytest.raises(ModelError, match="expected 3 hidden states, got 2"):
        mix(states[:2])
