"""What a loader went through is gone on with in the same order of batches, or refused."""

from typing import Any

import pytest
import torch

from datamodules.batching.counted_batches import InOrder, LengthBuckets
from datamodules.batching.orders import Batches, Processes
from datamodules.batching.resumable import ResumableLoader
from datamodules.errors import DataError


def interrupted(total_length: int, seen: int) -> dict[str, Any]:
    """Return the state of texts in batches of two after some of them."""
    loader = texts_loader(total_length)
    batches = iter(loader)
    for _ in range(seen):
        next(batches)
    state: dict[str, Any] = loader.state_dict()
    return state


def texts_loader(count: int) -> ResumableLoader:
    return echoing(LengthBuckets(range(1, count + 1), batch_size=2, seed=0))


def echoing(order: Batches) -> ResumableLoader:
    given: Any = Echo()
    return ResumableLoader(given, order)


class Echo(torch.utils.data.Dataset[Any]):
    """Gives the draw of a batch as the batch."""

    def __getitem__(self, draw: Any) -> Any:
        return draw.positions


def test_an_epoch_is_whole_by_its_own_batches_not_by_those_of_the_new_data():
    with pytest.raises(DataError, match="stopped after 3 batches of another order"):
        texts_loader(6).load_state_dict(interrupted(10, seen=3))
    texts_loader(6).load_state_dict(interrupted(6, seen=2))


@pytest.mark.parametrize("seen", [3, 7])  # of which two processes would have handed out 1.5 and 3.5
def test_an_order_that_never_changes_is_another_with_other_processes(seen):
    loader = echoing(InOrder([20] * 10, 1))
    batches = iter(loader)
    for _ in range(seen):
        next(batches)
    with pytest.raises(DataError, match=f"stopped after {seen} batches of another order"):
        echoing(InOrder([20] * 10, 1, Processes(2, 0))).load_state_dict(loader.state_dict())


def test_behind_a_whole_epoch_another_order_follows_from_the_next_epoch_on():
    loader = texts_loader(10)
    loader.load_state_dict(interrupted(6, seen=3))
    assert list(loader) == []  # the epoch that was whole is not begun again
    loader.batches.set_epoch(1)
    assert len(list(loader)) == 5


def test_a_state_of_an_earlier_program_goes_on_with_its_own_order_alone():
    state = interrupted(6, seen=3)
    del state["total"]
    texts_loader(6).load_state_dict(state)
    with pytest.raises(DataError, match="stopped after 3 batches of another order"):
        texts_loader(5).load_state_dict(state)
