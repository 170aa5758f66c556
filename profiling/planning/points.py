"""From settings to the points of a sweep."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any

from datamodules.modality import MODALITIES
from lightning_modules.kernel_limits import KernelUse, limit_of
from lightning_modules.variants import Variant, find_variant
from profiling.errors import SettingsError
from profiling.planning.requests import Effort
from profiling.planning.settings import SweepSettings, VariantSettings
from profiling.rows.columns import key_of
from profiling.rows.machine import library_versions

QUANTILES = (0.1, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class Conditions:
    """What all points of a sweep share, and what every one of its rows records."""

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
    skip_reason: str | None = None
    batches: str | None = field(default=None, compare=False)

    @cached_property
    def columns(self) -> dict[str, Any]:
        """What its rows say of it before anything is measured, by the names of the columns."""
        modality = MODALITIES[self.modality]
        own = {
            "modality": self.modality,
            "variant": self.variant,
            "implementation": self.implementation,
            "attention_window": self.attention_window,
            "checkpoint": self.checkpoint,
            "phase": self.phase,
            "sequence_length": modality.sequence_length(self.length),
            "input_size": modality.input_size(self.length),
            "batch_source": self.batch_source,
            "batch_size": 1,
            "fingerprint": self.fingerprint,
            "versions": library_versions(),
            "max_length": self.max_length,
            "metrics": list(self.metrics),
        }
        return asdict(self.conditions) | asdict(self.effort) | own

    @cached_property
    def key(self) -> str:
        """Hash of identity, conditions, state and effort: what names a row of this point."""
        return key_of(self.columns)

    def describe(self) -> str:
        """Return the point in a few words, for progress and messages."""
        window = f" w{self.attention_window}" if self.attention_window else ""
        return f"{self.variant}{window} {self.implementation} {self.phase} {self.length:,}"


def make_points(
    settings: SweepSettings, conditions: Conditions, data: dict[str, DataFacts]
) -> list[Point]:
    """Return all points, the variants of one length next to each other so that drift hits all.

    Raises:
        SettingsError: None of a modality's chosen variants can take one of its lengths.
    """
    points = []
    for modality, facts in data.items():
        lengths = axis_values(modality, facts.lengths)
        _check_lengths(settings, modality, lengths)
        make = partial(_make_point, settings, conditions, facts)
        for length in lengths:
            max_length = lengths[-1] if MODALITIES[modality].has_position_table else length
            for phase in settings.phases:
                for kernel in _kernels(settings, modality):
                    points.append(make((modality, phase), kernel, (length, max_length)))
    if not points:
        raise SettingsError("`implementations` leaves nothing to measure")
    # A variant may be named twice, its default window given once and once left out.
    return list({point.key: point for point in points}.values())


def shard_of(points: list[Point], part: int, parts: int) -> list[Point]:
    """Return one part of a plan in whole groups: what is compared is measured on one machine."""
    groups = list(dict.fromkeys((p.modality, p.length, p.phase) for p in points))
    mine = set(groups[part - 1 :: parts])
    return [p for p in points if (p.modality, p.length, p.phase) in mine]


def axis_values(modality: str, lengths: list[int]) -> list[int]:
    """Return sorted lengths without repetition; image sides rounded up to a multiple of 32."""
    return sorted(set(map(MODALITIES[modality].round_length, lengths)))


def _kernels(settings: SweepSettings, modality: str) -> Iterator[tuple[VariantSettings, str]]:
    """Yield what to measure; where no implementations are named, those without a limit here.

    One that runs in one phase only must be named: on a CPU, that is one which compiles C++ for half
    a minute per point.
    """
    for variant in settings.variants_of(modality):
        wanted = variant.implementations or settings.implementations
        for implementation in find_variant(modality, variant.name).implementations:
            runs = _limit_of(settings, implementation, "training") is None
            if implementation in wanted if wanted else runs:
                yield variant, implementation


def _limit_of(settings: SweepSettings, implementation: str, phase: str) -> str | None:
    is_training = phase == "training"
    use = KernelUse(
        device=settings.device,
        is_half=settings.precision != "32-true",
        needs_gradients=is_training,
        has_dropout=is_training and settings.dropout == "published",
    )
    return limit_of(implementation, use)


def _make_point(
    settings: SweepSettings,
    conditions: Conditions,
    facts: DataFacts,
    where: tuple[str, str],
    kernel: tuple[VariantSettings, str],
    lengths: tuple[int, int],
) -> Point:
    modality, phase = where
    variant, implementation = kernel
    length, max_length = lengths
    registered = find_variant(modality, variant.name)
    return Point(
        modality=modality,
        variant=variant.name,
        implementation=implementation,
        attention_window=variant.attention_window or registered.default_window,
        checkpoint=variant.checkpoint,
        phase=phase,
        length=length,
        max_length=max_length,
        batch_source=facts.batch_source,
        fingerprint=facts.fingerprint,
        num_classes=facts.num_classes,
        conditions=conditions,
        effort=Effort(
            settings.num_warmup_steps, settings.min_samples, settings.seconds_per_measurement
        ),
        metrics=tuple(sorted(settings.metrics)),
        skip_reason=_skip_reason(registered, variant.name, length)
        or _limit_of(settings, implementation, phase),
        batches=facts.batches,
    )


def _skip_reason(registered: Variant, name: str, length: int) -> str | None:
    if length >= registered.minimum_length:
        return None
    return f"{name} takes {registered.minimum_length} and more: {registered.length_reason}"


def _check_lengths(settings: SweepSettings, modality: str, lengths: list[int]) -> None:
    chosen = [find_variant(modality, variant.name) for variant in settings.variants_of(modality)]
    shortest = min(variant.minimum_length for variant in chosen)
    if lengths[0] < shortest:
        setting = MODALITIES[modality].lengths_setting
        raise SettingsError(
            f"`{setting}` of {modality} must be at least {shortest} for the variants chosen, "
            f"got {lengths[0]}"
        )


def synthetic_facts(settings: SweepSettings, modality: str) -> DataFacts:
    """Return the facts of a modality whose batches are made on the spot."""
    facts = MODALITIES[modality]
    lengths = settings.modalities[modality].axis_values(modality)
    num_classes = facts.num_classes_of_size.get(settings.size, facts.num_classes)
    return DataFacts("synthetic", list(lengths or ()), num_classes)
