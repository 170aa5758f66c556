"""A bare step is timed from a device that waits to one that has done its work."""

from contextlib import nullcontext

import pytest
import torch

from benchmarks.measuring import bare
from benchmarks.measuring.bare import bare_step
from tests.samples.variants.models import batch_of, build


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_bare_step_waits_for_the_device_at_both_ends(phase, monkeypatch):
    module, batch = build("text", "bert", size="tiny"), batch_of("text", 9)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    done: list[str] = []
    monkeypatch.setattr(module, "predict_step", lambda *_: done.append("step"))
    monkeypatch.setattr(optimizer, "zero_grad", lambda **_: done.append("step"))
    monkeypatch.setattr(torch, "inference_mode", nullcontext)

    def find(device: torch.device):
        assert device == module.device
        return lambda: done.append("waited")

    monkeypatch.setattr(bare, "find_synchronise", find)
    module.train(phase == "training")

    assert bare_step(module, optimizer, batch, phase) > 0
    assert done == ["waited", "step", "waited"]
