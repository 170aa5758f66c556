"""From settings to the points of a sweep, at the lengths that are given."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from datamodules.modality import MODALITIES, Modality
from lightning_modules.kernel_limits import KernelUse, limit_of, limit_of_compiling
from lightning_modules.variant import Variant
from lightning_modules.variants import find_variant
from profiling.errors import SettingsError
from profiling.planning.points import Conditions, DataFacts, Point
from profiling.planning.requests import Effort
from profiling.planning.settings import Phase, SweepSettings
from profiling.planning.variant_settings import VariantSettings, treatments_of, with_window

QUANTILES = (0.1, 0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class PointMaker:
    """Makes the points of one modality.

    Args:
        settings: Of the sweep.
        conditions: What all points share.
        modality: Its name.
        facts: What is known of its data; position tables are made for the longest of its lengths.

    Raises:
        SettingsError: None of the chosen variants can take one of the lengths.
    """

    settings: SweepSettings
    conditions: Conditions
    modality: str
    facts: DataFacts

    def __post_init__(self) -> None:
        """Check the shortest and the longest length."""
        setting = f"`{self._axis.lengths_setting}` of {self.modality}"
        shortest = min(variant.minimum_length for variant in self.variants)
        if self.lengths[0] < shortest:
            raise SettingsError(
                f"{setting} must be at least {shortest} for the variants chosen, "
                f"got {self.lengths[0]}"
            )
        longest = max(variant.maximum_length or math.inf for variant in self.variants)
        if self.lengths[-1] > longest:
            raise SettingsError(
                f"{setting} must be at most {longest:,} for the variants chosen, "
                f"got {self.lengths[-1]:,}"
            )

    @property
    def lengths(self) -> list[int]:
        """The values of the axis, shortest first."""
        return axis_values(self.modality, self.facts.lengths)

    @property
    def variants(self) -> list[Variant]:
        """The variants that were chosen."""
        chosen = self.settings.variants_of(self.modality)
        return [find_variant(self.modality, variant.name) for variant in chosen]

    @cached_property
    def _with_windows(self) -> list[VariantSettings]:
        # Once, because a checkpoint on the hub is asked for its window.
        chosen = self.settings.variants_of(self.modality)
        return [with_window(self.modality, variant) for variant in chosen]

    @property
    def _axis(self) -> Modality:
        return MODALITIES[self.modality]

    def at(self, phase: Phase, length: int) -> list[Point]:
        """Return the points of one length, which are compared with each other."""
        made = [self._make(phase, length, *kernel) for kernel in self._kernels()]
        # A variant may be named twice, its default window given once and once left out.
        return list({point.key: point for point in made}.values())

    def _kernels(self) -> Iterator[tuple[VariantSettings, str, tuple[bool, bool]]]:
        """Yield what to measure; where no implementations are named, those without a limit here.

        One that runs in one phase only must be named: on a CPU, that is one which compiles C++ for
        half a minute per point. So must those that their variant keeps for whoever names them.
        """
        for variant in self._with_windows:
            wanted = variant.implementations or self.settings.implementations
            registered = find_variant(self.modality, variant.name)
            for implementation in registered.implementations:
                runs = self._limit_of(implementation, "training") is None
                usual = runs and implementation not in registered.only_named
                if implementation in wanted if wanted else usual:
                    yield from ((variant, implementation, each) for each in treatments_of(variant))

    def _limit_of(self, implementation: str, phase: str) -> str | None:
        is_training = phase == "training"
        use = KernelUse(
            device=self.settings.device,
            is_half=self.settings.precision != "32-true",
            needs_gradients=is_training,
            has_dropout=is_training and self.settings.dropout == "published",
        )
        return limit_of(implementation, use)

    def _skip_reason(
        self, phase: str, length: int, variant: str, implementation: str, compiled: bool
    ) -> str | None:
        refusal = find_variant(self.modality, variant).refusal(length)
        if refusal is not None:
            return f"{variant} {refusal}"
        limit = self._limit_of(implementation, phase)
        if limit is None and compiled:
            return limit_of_compiling(self.settings.device)
        return limit

    def _make(
        self,
        phase: str,
        length: int,
        variant: VariantSettings,
        implementation: str,
        treatment: tuple[bool, bool],
    ) -> Point:
        compiled, graphed = treatment
        settings = self.settings
        return Point(
            modality=self.modality,
            variant=variant.name,
            implementation=implementation,
            attention_window=variant.attention_window,
            checkpoint=variant.checkpoint,
            phase=phase,
            length=length,
            max_length=self.lengths[-1] if self._axis.has_position_table else length,
            batch_source=self.facts.batch_source,
            fingerprint=self.facts.fingerprint,
            num_classes=self.facts.num_classes,
            conditions=self.conditions,
            effort=Effort(
                settings.num_warmup_steps, settings.min_samples, settings.seconds_per_measurement
            ),
            metrics=_metrics_of(settings),
            compiled=compiled,
            graphed=graphed,
            skip_reason=self._skip_reason(phase, length, variant.name, implementation, compiled),
            batches=self.facts.batches,
        )


def _metrics_of(settings: SweepSettings) -> tuple[str, ...]:
    """Return all that the rows of a sweep hold, whatever the order in which it was asked for."""
    beside = ["components"] * settings.breakdown + ["masked_steps"] * settings.masked_steps
    return tuple(sorted([*settings.metrics, *beside]))


def make_points(
    settings: SweepSettings, conditions: Conditions, data: dict[str, DataFacts]
) -> list[Point]:
    """Return all points, the variants of one length next to each other so that drift hits all.

    Raises:
        SettingsError: None of a modality's chosen variants can take one of its lengths, or the
            window of a checkpoint is neither given nor known.
    """
    makers = [PointMaker(settings, conditions, *item) for item in data.items()]
    return [
        point
        for maker in makers
        for length in maker.lengths
        for phase in settings.phases
        for point in maker.at(phase, length)
    ]


def shard_of(points: list[Point], part: int, parts: int) -> list[Point]:
    """Return one part of a plan in whole groups: what is compared is measured on one machine."""
    groups = list(dict.fromkeys((p.modality, p.length, p.phase) for p in points))
    mine = set(groups[part - 1 :: parts])
    return [p for p in points if (p.modality, p.length, p.phase) in mine]


def axis_values(modality: str, lengths: list[int]) -> list[int]:
    """Return sorted lengths without repetition; image sides rounded up to a multiple of 32."""
    return sorted(set(map(MODALITIES[modality].round_length, lengths)))


def synthetic_facts(settings: SweepSettings, modality: str) -> DataFacts:
    """Return the facts of a modality whose batches are made on the spot."""
    facts = MODALITIES[modality]
    lengths = settings.modalities[modality].axis_values(modality)
    num_classes = facts.num_classes_of_size.get(settings.size, facts.num_classes)
    return DataFacts("synthetic", list(lengths or ()), num_classes)
