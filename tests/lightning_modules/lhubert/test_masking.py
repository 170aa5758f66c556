import pytest
import torch
from transformers.models.hubert import modeling_hubert

from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model

FRAMES = 7


def build(variant: str, **fields: object):
    torch.manual_seed(3)
    settings = SpeechModelSettings(variant, "tiny")
    chosen = {"mask_time_prob": 0.05, "mask_feature_prob": 0.0, "apply_spec_augment": True}
    model = build_speech_model("encoder", settings, **(chosen | fields))
    torch.nn.init.normal_(model.masked_spec_embed)
    return model


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_masked_frames_are_those_of_the_library_with_their_gradients(variant, training, dtype):
    model = build(variant).train(training)
    masked = torch.rand(2, FRAMES, generator=torch.Generator().manual_seed(1)) < 0.4
    states = torch.randn(2, FRAMES, model.config.hidden_size, dtype=dtype)
    found = []
    for compute in (
        type(model)._mask_hidden_states,
        modeling_hubert.HubertModel._mask_hidden_states,
    ):
        leaf = states.clone().requires_grad_()
        model.zero_grad()
        output = compute(model, leaf * 1, mask_time_indices=masked)
        (output.float() ** 2).sum().backward()
        found.append((output, leaf.grad, model.masked_spec_embed.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
def test_no_place_is_looked_for_on_the_way(variant):
    model = build(variant).train()
    masked = torch.zeros(2, FRAMES, dtype=torch.bool, device="meta")
    states = torch.zeros(2, FRAMES, model.config.hidden_size, device="meta")
    model.masked_spec_embed = torch.nn.Parameter(model.masked_spec_embed.to("meta"))
    # Values do not exist there: to ask how many are true would raise.
    output = model._mask_hidden_states(states, mask_time_indices=masked)
    assert output.shape == states.shape


@pytest.mark.parametrize("variant", ["hubert", "lhubert"])
@pytest.mark.parametrize(
    "fields", [{"mask_feature_prob": 0.5, "mask_feature_length": 3}, {"apply_spec_augment": False}]
)
def test_other_masks_are_left_to_the_library(variant, fields):
    model = build(variant, **fields).train()
    masked = torch.zeros(2, FRAMES, dtype=torch.bool)
    masked[0, 2] = True
    states = torch.ones(2, FRAMES, model.config.hidden_size)
    output = model._mask_hidden_states(states.clone(), mask_time_indices=masked)
    if fields.get("apply_spec_augment", True):
        assert bool((output == 0).any())
        assert torch.equal(
            output[0, 2][output[0, 2] != 0], model.masked_spec_embed[output[0, 2] != 0]
        )
    else:
        assert torch.equal(output, states)


def test_plain_hubert_hands_out_its_states_and_keeps_its_name(tmp_path):
    model = build("hubert").eval()
    audio = torch.randn(1, 16_000)
    states = model(audio, output_hidden_states=True).hidden_states
    assert len(states) == model.config.num_hidden_layers + 1
    model.save_pretrained(tmp_path)
    again = modeling_hubert.HubertModel.from_pretrained(tmp_path).eval()
    assert again.config.architectures == ["HubertModel"]
    torch.testing.assert_close(again(audio).last_hidden_state, model(audio).last_hidden_state)
