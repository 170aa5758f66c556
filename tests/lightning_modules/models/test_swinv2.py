"""Swin version 2 sees images of any size as a model that was built for that size does."""

import copy

import pytest
import torch
from transformers import Swinv2Config, Swinv2ForImageClassification

from lightning_modules.models.components import parameters_by_component
from tests.samples.variants.models import batch_of, build, predict


def built_for(side, module):
    """Build the library's own model for a side, with the same weights."""
    config = copy.deepcopy(module.model.config)
    config.image_size = side
    plain = Swinv2ForImageClassification(config).eval()
    plain.load_state_dict(module.model.state_dict())
    return plain


# The last feature map is one window, more than one, and not whole windows.
@pytest.mark.parametrize("side", [256, 512, 320])
def test_every_size_is_seen_as_by_a_model_that_was_built_for_it(side):
    module = build("vision", "swinv2", max_length=256)
    batch = batch_of("vision", side, batch_size=1)
    for before in (512, 256):
        predict(module, batch_of("vision", before, batch_size=1))
        found = predict(module, batch)
        with torch.no_grad():
            expected = built_for(side, module)(batch["pixel_values"]).logits
        torch.testing.assert_close(found, expected)
        module.check_active(side)


def test_a_model_that_was_built_for_another_size_differs_in_the_library():
    module = build("vision", "swinv2", max_length=256)
    images = batch_of("vision", 320, batch_size=1)["pixel_values"]
    with torch.no_grad():
        for_it, for_another = (built_for(s, module)(images).logits for s in (320, 256))
    assert not torch.allclose(for_it, for_another)


def save_with_windows_of_16(folder):
    config = Swinv2Config(
        image_size=256,
        embed_dim=32,
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 4, 8],
        window_size=16,
        id2label=dict(enumerate("abc")),
    )
    Swinv2ForImageClassification(config).save_pretrained(folder)


@pytest.mark.parametrize(
    ("side", "windows"), [(None, [16, 16, 16, 8]), (256, [16, 16, 16, 8]), (512, [16] * 4)]
)
def test_a_checkpoint_gets_the_windows_of_the_size_that_it_is_for(side, windows, tmp_path):
    save_with_windows_of_16(tmp_path)
    module = build("vision", "swinv2", checkpoint=str(tmp_path), max_length=side)
    assert [module._window(stage) for stage in range(4)] == windows
    side = side or 256
    assert module.effective_length(side) == (side // 4) ** 2
    batch = batch_of("vision", side, batch_size=1)
    with torch.no_grad():
        expected = built_for(side, module)(batch["pixel_values"]).logits
    torch.testing.assert_close(predict(module, batch), expected)
    module.check_active(side)


def test_windows_that_were_built_small_stay_so_in_a_larger_image(tmp_path):
    save_with_windows_of_16(tmp_path)
    module = build("vision", "swinv2", checkpoint=str(tmp_path), max_length=256)
    assert predict(module, batch_of("vision", 512, batch_size=1)).isfinite().all()
    last = module.model.swinv2.encoder.layers[3].blocks[1]
    assert (last.window_size, last.shift_size) == (8, 0)


def test_the_bias_of_positions_and_the_scale_of_scores_belong_to_the_attention():
    module = build("vision", "swinv2")
    owners = parameters_by_component(module.parts(), module)
    of_core = {name for name, p in module.named_parameters() if owners[id(p)] == "attention_core"}
    assert all("continuous_position_bias_mlp" in n or "logit_scale" in n for n in of_core)
    assert len(of_core) == 8 * 4
