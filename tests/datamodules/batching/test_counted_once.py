"""What several processes evaluate is what one does: a repeated sample counts for nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from datamodules.batching.counted_batches import InOrder
from datamodules.batching.orders import Processes
from tests.samples.data import DATA, write_all

# The others have empty batches where nothing is left.
BY_COUNT = ["text", "images", "speech", "synthetic text", "synthetic speech", "synthetic images"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("data")
    write_all(place)
    return place


def batches_of(name: str, folder: Path, loader: str, count: int) -> list[list[Any]]:
    """Return the batches of each of so many processes."""
    found = []
    for rank in range(count):
        data = DATA[name](folder)
        data.trainer = SimpleNamespace(world_size=count, global_rank=rank, overfit_batches=0)
        found.append(list(getattr(data, f"{loader}_dataloader")()))
    return found


def predicted(processes: list[list[Any]]) -> list[int]:
    """Return all labels that are to be predicted, sorted."""
    labels = torch.cat([batch["labels"].flatten() for share in processes for batch in share])
    return sorted(labels[labels >= 0].tolist())


@pytest.mark.torchaudio
@pytest.mark.parametrize("name", BY_COUNT)
@pytest.mark.parametrize("loader", ["val", "test"])
def test_three_processes_predict_the_labels_that_one_does(
    name: str, loader: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    alone, shared = (batches_of(name, folder, loader, count) for count in (1, 3))
    assert {len(share) for share in shared} == {len(shared[0])}  # they stay in step
    assert all(len(batch["labels"]) for share in shared for batch in share)
    assert predicted(alone)
    assert predicted(shared) == predicted(alone)


def test_a_repeated_sample_counts_where_a_step_learns_from_it_and_not_in_an_evaluation() -> None:
    for counts_once in (False, True):
        draws = [
            InOrder([5, 6, 7], 1, Processes(2, rank), counts_once=counts_once).draws()
            for rank in range(2)
        ]
        assert [[draw.positions for draw in share] for share in draws] == [
            [(0,), (2,)],
            [(1,), (2,)],
        ]
        assert [[draw.is_counted for draw in share] for share in draws] == [
            [True, True],
            [True, not counts_once],
        ]
