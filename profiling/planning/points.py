"""What a sweep measures: points."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from datamodules.modality import MODALITIES
from lightning_modules.kernel_limits import COMPILED_BY_TORCH
from lightning_modules.variants import find_variant
from profiling.planning.requests import Effort
from profiling.rows.columns import key_of
from profiling.rows.machine import library_versions
from profiling.rows.pairs import kernel_name


@dataclass(frozen=True)
class Conditions:
    """What all points of a sweep share, and what every one of its rows records.

    The last ones say something of a CUDA device, and are null on a CPU.
    """

    size: str
    precision: str
    device: str
    device_name: str
    threads: int
    allocator: str
    dropout: str
    memory_budget_gib: float
    max_batch_size: int
    seed: int
    tf32: bool | None = None
    cudnn_benchmark: bool | None = None
    sdpa_backend: str | None = None
    cuda_version: str | None = None
    cudnn_version: str | None = None
    driver_version: str | None = None


@dataclass(frozen=True)
class DataFacts:
    """What the sweep needs to know about a modality's data before measuring.

    Args:
        batch_source: "synthetic" or "real".
        lengths: Values of the axis to measure.
        num_classes: What the head tells apart.
        fingerprint: Changes when the data change.
        batches: Folder with one file of real batches per length; null makes synthetic ones.
    """

    batch_source: str
    lengths: list[int]
    num_classes: int
    fingerprint: str = ""
    batches: str | None = None


@dataclass(frozen=True)
class Point:
    """One variant, implementation, phase and length under fixed conditions: visited often.

    `length` is the value on the modality's axis; `max_length` the one that position tables are made
    for: in text the longest of the sweep, equally for all variants, elsewhere `length`. Where
    batches are stored is no condition.
    """

    modality: str
    variant: str
    implementation: str
    attention_window: int | None
    checkpoint: str | None
    phase: str
    length: int
    max_length: int
    batch_source: str
    fingerprint: str
    num_classes: int
    conditions: Conditions
    effort: Effort
    metrics: tuple[str, ...]
    compiled: bool = False
    graphed: bool = False
    skip_reason: str | None = None
    batches: str | None = field(default=None, compare=False)

    @cached_property
    def columns(self) -> dict[str, Any]:
        """What its rows say of it before anything is measured, by the names of the columns."""
        modality = MODALITIES[self.modality]
        # Of its tokens only the model can say how many there are, where it has an axis of its own.
        has_own_axis = self.axis != modality.axis
        own = {
            "modality": self.modality,
            "variant": self.variant,
            "implementation": self.implementation,
            "attention_window": self.attention_window,
            "checkpoint": self.checkpoint,
            "compiled": self.compiled,
            "graphed": self.graphed,
            "phase": self.phase,
            "sequence_length": None if has_own_axis else modality.sequence_length(self.length),
            "input_size": modality.input_size(self.length),
            "batch_source": self.batch_source,
            "batch_size": 1,
            "fingerprint": self.fingerprint,
            "versions": library_versions(),
            "max_length": self.max_length,
            "metrics": list(self.metrics),
        }
        return asdict(self.conditions) | asdict(self.effort) | own

    @property
    def axis(self) -> str:
        """Column on which its variant is compared: its modality's, unless it has its own."""
        own = find_variant(self.modality, self.variant).axis
        return own or MODALITIES[self.modality].axis

    @cached_property
    def key(self) -> str:
        """Hash of identity, conditions, state and effort: what names a row of this point."""
        return key_of(self.columns)

    @property
    def kernel(self) -> str:
        """What tells it from others of the same model: "sdpa", or "sdpa compiled"."""
        return kernel_name(self.implementation, self.compiled, self.graphed)

    @property
    def holds_compiler(self) -> bool:
        """Whether a compiler works in its process, whose memory cannot be told from the model's."""
        compiles = self.compiled or self.implementation in COMPILED_BY_TORCH
        return compiles and self.conditions.device == "cpu"

    def describe(self) -> str:
        """Return the point in a few words, for progress and messages."""
        window = f" w{self.attention_window}" if self.attention_window else ""
        return f"{self.variant}{window} {self.kernel} {self.phase} {self.length:,}"
