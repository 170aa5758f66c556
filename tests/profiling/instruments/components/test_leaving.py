"""What it takes to leave a model without a trace is the time of no component."""

import time

import torch

from profiling.instruments.components.breakdown import Breakdown
from profiling.instruments.components.component_watch import ComponentWatch
from tests.samples.fitting import TinyTokens

LONG_S = 0.3


def test_the_removal_of_hooks_is_no_part_of_a_step(monkeypatch):
    leave = ComponentWatch.__exit__

    def slowly(self, *problem):
        time.sleep(LONG_S)
        leave(self, *problem)

    monkeypatch.setattr(ComponentWatch, "__exit__", slowly)
    monkeypatch.setattr("profiling.instruments.components.breakdown.parts_of", lambda _: [])
    module = TinyTokens()
    breakdown = Breakdown(module, manual=False, training=False)
    with torch.inference_mode():
        breakdown.mark("begin")
        breakdown.mark("end")
    found = breakdown.finish()
    assert found is not None
    assert found["other", "forward"] < LONG_S * 1e3 / 2
