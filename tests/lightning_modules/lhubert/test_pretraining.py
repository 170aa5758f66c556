"""Masked prediction: the loss is torchaudio's, for plain HuBERT and for L-HuBERT."""

import math

import pytest
import torch
from torch.nn import functional
from transformers import HubertConfig

from lightning_modules.errors import ModelError
from lightning_modules.lhubert import HubertForPreTraining, LHubertConfig, LHubertForPreTraining
from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model
from tests.samples.variants.hubert import TINY, waveform

NUM_CLUSTERS = 11


def model(local=False, **fields):
    torch.manual_seed(0)
    settings = TINY | {"num_clusters": NUM_CLUSTERS} | fields
    if local:
        return LHubertForPreTraining(LHubertConfig(**settings, attention_window=6)).eval()
    return HubertForPreTraining(HubertConfig(**settings)).eval()


def batch(frames=40, size=3):
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(size, frames, generator=generator) < 0.4
    mask[:, 3] = True
    labels = torch.randint(NUM_CLUSTERS, (size, frames), generator=generator)
    return {"input_values": waveform(frames, size), "mask_time_indices": mask, "labels": labels}


class FixedMask(torch.nn.Module):
    """Stands in for torchaudio's generator, which draws its own."""

    def __init__(self, mask, vector):
        super().__init__()
        self.mask, self.vector = mask, vector

    def forward(self, x, padding_mask):
        x[self.mask] = self.vector
        return x, self.mask


def torchaudios(ours, mask):
    """Build torchaudio's pre-training model with our weights and this mask."""
    from torchaudio.models import hubert_pretrain_model
    from torchaudio.models.wav2vec2.utils import import_huggingface_model

    config = ours.config
    oracle = hubert_pretrain_model(
        extractor_mode="group_norm",
        extractor_conv_layer_config=[
            (dim, kernel, stride)
            for dim, kernel, stride in zip(
                config.conv_dim, config.conv_kernel, config.conv_stride, strict=True
            )
        ],
        extractor_conv_bias=False,
        encoder_embed_dim=config.hidden_size,
        encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=config.num_conv_pos_embeddings,
        encoder_pos_conv_groups=config.num_conv_pos_embedding_groups,
        encoder_num_layers=config.num_hidden_layers,
        encoder_num_heads=config.num_attention_heads,
        encoder_attention_dropout=0.0,
        encoder_ff_interm_features=config.intermediate_size,
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.0,
        encoder_layer_norm_first=False,
        encoder_layer_drop=0.0,
        mask_prob=0.8,
        mask_selection="static",
        mask_other=0.0,
        mask_length=10,
        no_mask_overlap=False,
        mask_min_space=1,
        mask_channel_prob=0.0,
        mask_channel_selection="static",
        mask_channel_other=0.0,
        mask_channel_length=10,
        no_mask_channel_overlap=False,
        mask_channel_min_space=1,
        skip_masked=False,
        skip_nomask=False,
        num_classes=NUM_CLUSTERS,
        final_dim=256,
        feature_grad_mult=0.1,
    )
    backbone = import_huggingface_model(ours.hubert)
    oracle.wav2vec2.load_state_dict(backbone.state_dict())
    oracle.mask_generator = FixedMask(mask, ours.hubert.masked_spec_embed)
    oracle.logit_generator.final_proj.load_state_dict(ours.final_proj.state_dict())
    oracle.logit_generator.label_embeddings.data.copy_(ours.label_embeddings)
    return oracle.eval()


def oracle_loss(oracle, given):
    """Return the loss as torchaudio's recipe takes it: summed, unmasked frames at weight 0."""
    mask = given.get("attention_mask")
    lengths = None if mask is None else mask.sum(1)
    masked, _, penalty = oracle(given["input_values"], given["labels"], lengths)
    wanted = torch.zeros(len(masked), dtype=torch.long)  # the true class stands first
    loss = functional.cross_entropy(masked, wanted, reduction="sum")
    return loss + 10.0 * penalty * len(masked)


@pytest.mark.torchaudio
@pytest.mark.parametrize("padded", [False, True])
def test_loss_and_gradients_are_torchaudios(padded):
    ours, given = model(), batch()
    is_hidden = given["mask_time_indices"].clone()
    if padded:
        mask = torch.ones_like(given["input_values"], dtype=torch.long)
        mask[1, 400 + 320 * 24 :] = 0  # 25 frames
        given["attention_mask"] = mask
        given["input_values"] = given["input_values"] * mask
        is_hidden[1, 25:] = False
    oracle = torchaudios(ours, is_hidden)
    output = ours(**given)
    expected = oracle_loss(oracle, given)
    torch.testing.assert_close(output.loss, expected, rtol=1e-4, atol=1e-3)
    assert output.num_masked == is_hidden.sum()
    output.loss.backward()
    expected.backward()
    pairs = [
        (ours.final_proj.weight, oracle.logit_generator.final_proj.weight),
        (ours.label_embeddings, oracle.logit_generator.label_embeddings),
        (
            ours.hubert.feature_extractor.conv_layers[2].conv.weight,
            oracle.wav2vec2.feature_extractor.conv_layers[2].conv.weight,
        ),
        (
            ours.hubert.encoder.layers[1].feed_forward.output_dense.weight,
            oracle.wav2vec2.encoder.transformer.layers[1].feed_forward.output_dense.weight,
        ),
    ]
    for mine, theirs in pairs:
        scale = theirs.grad.abs().max()
        assert (mine.grad - theirs.grad).abs().max() < 1e-3 * scale


def test_logits_are_cosines_over_the_temperature():
    ours, given = model(), batch()
    logits = ours(**given).logits
    assert logits.shape == (3, 40, NUM_CLUSTERS)
    assert logits.abs().max() <= 10.0 + 1e-4


@pytest.mark.parametrize("local", [False, True])
def test_an_untrained_model_is_near_chance(local):
    given = batch(frames=60)
    output = model(local)(**given)
    # Less the penalty, which is no prediction: taken from what the logits say.
    chosen = given["mask_time_indices"]
    entropy = functional.cross_entropy(output.logits[chosen], given["labels"][chosen])
    assert math.log(NUM_CLUSTERS) - 0.5 < entropy < math.log(NUM_CLUSTERS) + 1.5


def test_only_the_convolutions_gradient_is_scaled():
    given = batch()
    gradients = []
    for factor in (1.0, 0.1):
        ours = model(feature_grad_mult=factor)
        ours(**given).loss.backward()
        gradients.append(
            (
                ours.hubert.feature_extractor.conv_layers[3].conv.weight.grad,
                ours.hubert.encoder.layers[0].attention.q_proj.weight.grad,
            )
        )
    (conv, encoder), (conv_scaled, encoder_scaled) = gradients
    torch.testing.assert_close(conv_scaled, 0.1 * conv, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(encoder_scaled, encoder)


def test_frames_without_a_label_are_not_predicted():
    ours, given = model(), batch()
    given["labels"][:, 20:] = -100
    output = ours(**given)
    assert output.num_masked == given["mask_time_indices"][:, :20].sum()
    assert output.loss.isfinite()


def test_without_labels_there_is_no_loss():
    given = batch()
    del given["labels"]
    output = model()(**given)
    assert output.loss is None
    assert output.logits.shape == (3, 40, NUM_CLUSTERS)


def test_the_two_models_have_the_same_head_and_names():
    assert set(model().state_dict()) == set(model(local=True).state_dict())


def test_the_loss_is_in_float32_whatever_the_precision():
    given = batch()
    with torch.autocast("cpu", torch.bfloat16):
        output = model()(**given)
    assert output.logits.dtype == output.loss.dtype == torch.float32


def test_what_does_not_fit_is_named():
    ours, given = model(), batch()
    with pytest.raises(ModelError, match="`labels` need `mask_time_indices`"):
        ours(given["input_values"], labels=given["labels"])
    for name in ("labels", "mask_time_indices"):
        message = rf"`{name}` must have the shape .* \(3, 40\), got \(3, 39\)"
        with pytest.raises(ModelError, match=message):
            ours(**given | {name: given[name][:, :-1]})
    with pytest.raises(ModelError, match="`mask_time_indices` must be of dtype torch.bool"):
        ours(**given | {"mask_time_indices": given["mask_time_indices"].long()})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_clusters": None}, "`num_clusters` .* must be at least 1, got None"),
        ({"apply_spec_augment": False}, "`apply_spec_augment` must be true"),
        ({"mask_time_prob": 0.0}, "`mask_time_prob` must be above zero for pre-training, got 0.0"),
    ],
)
def test_a_configuration_that_cannot_hide_and_predict_frames_is_refused(fields, message):
    for local in (False, True):
        with pytest.raises(ModelError, match=message):
            model(local, **fields)


def test_without_a_mask_nothing_is_hidden_in_training_either():
    given = batch()
    ours = model().train()
    outputs = [ours(given["input_values"]).logits for _ in range(2)]
    assert torch.equal(*outputs)
    nothing = torch.zeros_like(given["mask_time_indices"])
    assert torch.equal(ours(given["input_values"], mask_time_indices=nothing).logits, outputs[0])


def test_hidden_frames_are_hidden_and_others_not():
    ours, given = model(local=True), batch()
    mask = torch.zeros(3, 40, dtype=torch.bool)
    mask[1, 20] = True
    with torch.no_grad():
        before = ours(given["input_values"]).logits
        after = ours(given["input_values"], mask_time_indices=mask).logits
    changed = (before != after).any(-1).any(1)
    assert changed.tolist() == [False, True, False]


@pytest.mark.parametrize("num_clusters", [100, 500])
def test_the_loss_begins_where_the_page_says(num_clusters):
    torch.manual_seed(0)
    settings = SpeechModelSettings("hubert", "tiny")
    built = build_speech_model("pretraining", settings, num_clusters=num_clusters).eval()
    frames = 99
    hidden = torch.ones(4, frames, dtype=torch.bool)
    labels = torch.randint(num_clusters, (4, frames))
    with torch.no_grad():
        output = built(waveform(frames, 4), None, hidden, labels)
    begun = output.prediction_losses.sum() / output.num_masked
    assert begun.item() == pytest.approx(math.log(num_clusters) + 0.05, abs=0.06)
