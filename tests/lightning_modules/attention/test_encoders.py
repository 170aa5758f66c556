"""`localize` takes encoders whole, and only those whose tokens have an order."""

from typing import Any

import pytest
import torch
from transformers import (
    Aimv2VisionConfig,
    Aimv2VisionModel,
    ClapConfig,
    ClapModel,
    DetrConfig,
    DetrModel,
    ResNetConfig,
    RTDetrConfig,
    RTDetrModel,
    RTDetrResNetConfig,
    YolosConfig,
    YolosModel,
)

from lightning_modules.attention.interface import find_windows, localize
from lightning_modules.errors import ModelError

LAYERS: dict[str, Any] = {"encoder_layers": 1, "decoder_layers": 1, "d_model": 24, "num_queries": 5}
HEADS: dict[str, Any] = {"encoder_attention_heads": 3, "decoder_attention_heads": 3}
WIDTHS: dict[str, Any] = {"encoder_ffn_dim": 20, "decoder_ffn_dim": 20}
RESNET: dict[str, Any] = {
    "hidden_sizes": [8] * 4,
    "embedding_size": 8,
    "depths": [1] * 4,
    "layer_type": "basic",
}
ENCODER: dict[str, Any] = {"hidden_size": 24, "num_attention_heads": 3, "intermediate_size": 20}


def _rt_detr() -> Any:
    backbone = RTDetrResNetConfig(**RESNET | {"out_features": ["stage2", "stage3", "stage4"]})
    return RTDetrModel(
        RTDetrConfig(
            **(LAYERS | HEADS | WIDTHS),
            encoder_hidden_dim=24,
            decoder_n_points=2,
            num_denoising=0,
            encoder_in_channels=[8] * 3,
            decoder_in_channels=[24] * 3,
            backbone_config=backbone,
        )
    )


def _detr() -> Any:
    backbone = ResNetConfig(**RESNET | {"out_features": ["stage4"]})
    return DetrModel(DetrConfig(**(LAYERS | HEADS | WIDTHS), backbone_config=backbone))


def _yolos() -> Any:
    return YolosModel(
        YolosConfig(**ENCODER, num_hidden_layers=1, image_size=[32, 48], num_detection_tokens=4)
    )


def _clap() -> Any:
    audio: dict[str, Any] = {
        "hidden_size": 32,
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1],
        "num_attention_heads": [1, 2],
        "num_hidden_layers": 2,
        "spec_size": 64,
        "num_mel_bins": 16,
        "patch_stride": [4, 4],
        "window_size": 4,
    }
    text = ENCODER | {"vocab_size": 30, "num_hidden_layers": 1}
    return ClapModel(ClapConfig(text_config=text, audio_config=audio, projection_dim=8))


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (_rt_detr, "`num_queries`"),
        (_detr, "`num_queries`"),
        (_yolos, "`num_detection_tokens`"),
        (_clap, "audio_model"),
    ],
)
def test_queries_without_an_order_and_half_a_model_get_no_window(build: Any, said: str) -> None:
    torch.manual_seed(0)
    model = build()
    with pytest.raises(ModelError, match=said):
        localize(model, 4)
    assert set(find_windows(model)) == {None}
    assert not hasattr(model.config, "local_implementation")


def test_a_head_that_pools_needs_no_window() -> None:
    config = Aimv2VisionConfig(**ENCODER, num_hidden_layers=2, image_size=32, patch_size=8)
    assert find_windows(localize(Aimv2VisionModel(config), 4)) == [4, 4]
