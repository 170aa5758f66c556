"""What a measuring child is asked."""

from dataclasses import dataclass
from typing import Any

# Of a GPU that had nothing to do: its clock rises over some tenths of a second.
WARM_UP_S = {"cuda": 0.5}


@dataclass(frozen=True)
class Effort:
    """How long to measure: warm-up steps, then at least so many samples and seconds."""

    num_warmup_steps: int
    min_samples: int
    seconds_per_measurement: float


@dataclass(frozen=True)
class DataTask:
    """A `data` block and what a sweep wants of it.

    Args:
        modality: The modality it must serve.
        block: `class_path` and `init_args` of a datamodule.
        lengths: Values of the axis; None takes quantiles of the data's own lengths.
        batch_size: Samples to store per length.
        folder: Where to store the batches; None stores none, for a plan alone.
        seed: Seed of random masks.
        refined_by: The variants that choose between the shortest and the longest of the lengths;
            empty when the lengths are given.
    """

    modality: str
    block: dict[str, Any]
    lengths: list[int] | None
    batch_size: int
    folder: str | None
    seed: int
    refined_by: tuple[str, ...] = ()
