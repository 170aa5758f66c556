"""Look at a modality's real data once, in a child: lengths, and a batch of each on disk."""

from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser

from datamodules.base import ModalityData
from datamodules.errors import DataError
from datamodules.lengths import LengthDistribution
from profiling.arguments import one_sentence
from profiling.plan import QUANTILES, axis_values
from profiling.tasks import DataTask


def build_data(block: dict[str, Any]) -> ModalityData:
    """Build the datamodule of a `class_path` / `init_args` block.

    Raises:
        DataError: The class or an argument does not exist or has the wrong type.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(ModalityData, "data", required=True)
    try:
        built = parser.instantiate(parser.parse_object({"data": block})).data
    except DataError:
        raise
    except Exception as problem:
        raise DataError(one_sentence(str(problem))) from problem
    assert isinstance(built, ModalityData)
    return built


def read_lengths(block: dict[str, Any]) -> LengthDistribution:
    """Return the length distribution of the data of a block."""
    return build_data(block).lengths()


def prepare_data(task: DataTask) -> dict[str, Any]:
    """Store one batch per length and return what the sweep must know about the data.

    Raises:
        DataError: The data cannot be read, are empty or of another modality.
    """
    data = build_data(task.block)
    if data.modality != task.modality:
        raise DataError(f"`data` of {task.modality} must be its own, got {data.modality} data")
    distribution = data.lengths()
    lengths = axis_values(task.modality, task.lengths or distribution.quantiles(QUANTILES))
    folder = Path(task.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for length in lengths:
        batch = data.batch_at(length, task.batch_size, seed=task.seed)
        torch.save(batch, folder / f"{task.modality}-{length}.pt")
    return {
        "batch_source": data.batch_source,
        "lengths": lengths,
        "num_classes": data.num_classes,
        "fingerprint": data.fingerprint(),
        "batches": task.folder,
        "distribution": distribution.to_dict(),
    }
