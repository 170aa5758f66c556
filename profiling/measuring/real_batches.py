"""Look at a modality's real data once, in a child: lengths, and a batch of each on disk."""

from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from datamodules.base import ModalityData
from datamodules.errors import DataError
from datamodules.files.writing import whole_file
from profiling.measuring.data_blocks import build_data
from profiling.planning.grids import QUANTILES, axis_values
from profiling.planning.ranges import ladder, starts_between
from profiling.planning.requests import DataTask
from profiling.rows.files import writing

# Hours of audio, hundreds of times: a larger batch repeats samples instead of filling the disk.
MOST_STORED_MIB = 256


def _storable_batch(data: ModalityData, length: int, task: DataTask) -> dict[str, torch.Tensor]:
    """Return a batch of the size asked for, or as large a one as may be stored."""
    first = data.batch_at(length, 1, seed=task.seed)
    sample_bytes = sum(values.numel() * values.element_size() for values in first.values())
    most = max(1, MOST_STORED_MIB * 2**20 // sample_bytes)
    return data.batch_at(length, min(task.batch_size, most), seed=task.seed)


def _store_batches(data: ModalityData, lengths: list[int], task: DataTask, folder: Path) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for length in lengths:
        content = BytesIO()  # torch itself hides why a disk takes no more
        torch.save(_storable_batch(data, length, task), content)
        # Shards on other machines store the same batches, maybe at once.
        with writing(folder), whole_file(folder / f"{task.modality}-{length}.pt") as unfinished:
            unfinished.write_bytes(content.getbuffer())


def prepare_data(task: DataTask) -> dict[str, Any]:
    """Store one batch per length, if asked for, and return what the sweep must know about the data.

    Raises:
        DataError: The data cannot be read, are empty or of another modality.
        SettingsError: The batches cannot be stored.
    """
    data = build_data(task.block)
    if data.modality != task.modality:
        raise DataError(f"`data` of {task.modality} must be its own, got {data.modality} data")
    distribution = data.lengths()
    lengths = axis_values(task.modality, task.lengths or distribution.quantiles(QUANTILES))
    if task.refined_by:
        ends = lengths[0], lengths[-1]
        lengths = ladder(task.modality, starts_between(task.modality, ends, task.refined_by))
    if task.folder is not None:
        _store_batches(data, lengths, task, Path(task.folder))
    return {
        "batch_source": data.batch_source,
        "lengths": lengths,
        "num_classes": data.num_classes,
        "fingerprint": data.fingerprint(),
        "batches": task.folder,
        "distribution": distribution.to_dict(),
        "skipped": data.skipped,
    }
