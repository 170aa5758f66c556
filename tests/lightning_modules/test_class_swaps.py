"""A part of a model becomes one of a subclass only where that has the same parts."""

import pytest
from torch import nn

from lightning_modules.class_swaps import swap_class


class Doubled(nn.Linear):
    def extra_repr(self) -> str:
        return "twice"


class WithMoreParts(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 3)
        self.more = nn.Linear(3, 3)


def test_a_part_keeps_its_weights_and_takes_the_methods() -> None:
    part = nn.Linear(2, 3)
    weight = part.weight
    swap_class(part, Doubled)
    assert isinstance(part, Doubled)
    assert part.weight is weight
    assert repr(part) == "Doubled(twice)"


@pytest.mark.parametrize("other", [WithMoreParts, nn.Conv1d])
def test_a_class_with_other_parts_is_refused(other: type) -> None:
    part = nn.Linear(2, 3)
    with pytest.raises(TypeError, match="must be a subclass of Linear without an `__init__`"):
        swap_class(part, other)
    assert type(part) is nn.Linear
