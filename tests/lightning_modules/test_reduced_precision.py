"""Convolutions in 16 bits are computed once before they are trusted."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn import functional

from lightning_modules.errors import ModelError
from lightning_modules.lhubert.building import SpeechModelSettings, build_speech_model
from lightning_modules.reduced_precision import error_of, refuse_wrong_convolutions
from lightning_modules.sizes import SIZES
from profiling.measuring.steps.building import build_point
from tests.samples.variants.costs import point_of

RIGHT = nn.Conv1d(12, 20, 3, padding=1)
IN_GROUPS = nn.Conv1d(24, 24, 16, padding=8, groups=3)


class Layers(nn.Module):
    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.ModuleList(layers)


@pytest.fixture
def wrong_in_groups(monkeypatch):
    """Do what oneDNN does on some CPUs: noise, and no error."""
    original = functional.conv1d
    calls = []

    def conv1d(inputs, weight, bias, stride, padding, dilation, groups):
        calls.append(groups)
        found = original(inputs, weight, bias, stride, padding, dilation, groups)
        is_wrong = groups > 1 and inputs.dtype == torch.bfloat16
        return torch.randn_like(found) if is_wrong else found

    monkeypatch.setattr(functional, "conv1d", conv1d)
    return calls


@pytest.mark.parametrize(
    "convolution",
    [
        RIGHT,
        nn.Conv1d(8, 6, 5, stride=3),
        nn.Conv1d(4, 6, 3, padding="same", dilation=2),
        nn.Conv2d(3, 5, (4, 2), stride=(2, 1)),
    ],
)
def test_convolutions_are_off_by_their_rounding(convolution):
    assert 0 < error_of(convolution, torch.bfloat16) < 0.01
    assert error_of(convolution, torch.float32) == 0


def test_a_wrong_convolution_is_named(wrong_in_groups):
    assert error_of(IN_GROUPS, torch.bfloat16) > 0.5
    with pytest.raises(
        ModelError, match=r"`precision` must be 32-true .* got bf16-mixed: .* computes layers\.1 "
    ):
        refuse_wrong_convolutions(Layers(RIGHT, IN_GROUPS), "bf16-mixed")


def test_what_is_right_or_in_float32_is_not_refused(wrong_in_groups):
    refuse_wrong_convolutions(Layers(RIGHT), "bf16-mixed")
    refuse_wrong_convolutions(Layers(IN_GROUPS), "32-true")
    refuse_wrong_convolutions(Layers(IN_GROUPS), "64-true")


def test_nothing_but_nan_is_wrong(monkeypatch):
    monkeypatch.setattr(functional, "conv1d", lambda *_: torch.full((1, 2, 3), torch.nan))
    with pytest.raises(ModelError, match="computes layers.0 wrongly"):
        refuse_wrong_convolutions(Layers(RIGHT), "bf16-true")


def test_alike_convolutions_are_computed_once(wrong_in_groups):
    others = [nn.Conv1d(12, 20, 3, padding=1) for _ in range(4)]
    refuse_wrong_convolutions(Layers(*others, nn.Linear(2, 3)), "bf16-mixed")
    assert len(wrong_in_groups) == 2  # in both precisions


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "32-true"])
def test_a_sweep_refuses_it_too_and_says_so_in_the_row(precision, monkeypatch):
    monkeypatch.setattr("lightning_modules.reduced_precision.error_of", lambda *_: 1.25)
    point = point_of("speech", "hubert", "sdpa", precision=precision)
    with nullcontext() if precision == "32-true" else pytest.raises(ModelError, match="125%"):
        build_point(point)


def test_weights_and_the_source_of_chance_stay_as_they_are():
    model, state = Layers(RIGHT, IN_GROUPS), torch.get_rng_state()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    error_of(IN_GROUPS, torch.bfloat16)
    refuse_wrong_convolutions(Layers(RIGHT), "bf16-mixed")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("size", SIZES)
def test_every_size_of_hubert_is_right_on_every_cpu(size):
    with torch.device("meta"):
        model = build_speech_model("encoder", SpeechModelSettings("hubert", size))
    refuse_wrong_convolutions(model, "bf16-mixed")
