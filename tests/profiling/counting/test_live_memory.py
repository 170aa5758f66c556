"""What lives at the peak of a step, against steps that are followed by hand."""

import torch
from torch import nn

from profiling.counting.step_count import StepCount

FLOAT = 4


def test_what_is_let_go_is_not_in_a_later_peak() -> None:
    with StepCount() as count:
        first = torch.empty(1000)
        del first
        count.switched("head")
        second = torch.empty(700)
        third = second.view(7, 100)[1:]
        del second
        count.switched("embedding")
        fourth = torch.empty(900)
    assert count.live.at_peak() == {"head": 700 * FLOAT, "embedding": 900 * FLOAT}
    assert count.live.peak_bytes() == 1600 * FLOAT
    del third, fourth


def test_a_storage_counts_whole_as_long_as_a_view_of_it_lives() -> None:
    with StepCount() as count:
        corner = torch.empty(100, 10)[0, :1]
        more = torch.empty(5)
    assert count.live.peak_bytes() == 1005 * FLOAT
    del corner, more


def test_what_is_done_in_place_takes_nothing() -> None:
    with StepCount() as count:
        torch.empty(64).add_(1.0).mul_(2.0)
    assert count.live.peak_bytes() == 64 * FLOAT


def test_weights_and_what_is_left_out_are_not_above_the_weights() -> None:
    layer, inputs = nn.Linear(30, 20), torch.randn(7, 30)
    count = StepCount()
    for tensor in (*layer.parameters(), inputs):
        count.live.leave_out(tensor)
    with count, torch.no_grad():
        layer(inputs)
    assert count.live.peak_bytes() == 7 * 20 * FLOAT


def test_two_layers_hold_what_their_gradients_need() -> None:
    first, second = nn.Linear(30, 20, bias=False), nn.Linear(20, 10, bias=False)
    inputs = torch.randn(7, 30)
    count = StepCount()
    for tensor in (first.weight, second.weight, inputs):
        count.live.leave_out(tensor)
    with count:
        count.switched("embedding")
        hidden = first(inputs)
        count.switched("head")
        loss = second(hidden).sum()
        del hidden
        count.live.begin_clearing()
        loss.backward()
    for layer, component in ((first, "embedding"), (second, "head")):
        assert layer.weight.grad is not None
        count.live.note_gradient(layer.weight.grad, component)
    count.live.note_always("optimiser", 8)
    # At the end of the forward pass, with the gradients of the step before: 7 x 20 hidden values,
    # 7 x 10 outputs, which the sum was just taken of, and the sum itself.
    weights = {"embedding": 600, "head": 200}
    assert count.live.at_peak() == {
        "embedding": (weights["embedding"] + 7 * 20) * FLOAT,
        "head": (weights["head"] + 7 * 10 + 1) * FLOAT,
        "optimiser": 8,
    }
    assert sum(count.live.at_peak().values()) == count.live.peak_bytes()
