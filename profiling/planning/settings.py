"""Every setting of a sweep, with its unit and default."""

from dataclasses import dataclass, field
from typing import Any, Literal

from datamodules.modality import MODALITIES
from lightning_modules.sizes import SIZES
from lightning_modules.variants import VARIANTS, find_variant, vanilla_of
from lightning_modules.window import validate_attention_window
from profiling.errors import SettingsError
from profiling.rows.pairs import implementation_of, parse_pair

Phase = Literal["inference", "training"]
Allocator = Literal["kept", "system"]
SdpaBackend = Literal["any", "cudnn", "flash", "efficient", "math"]
Metric = Literal["latency", "throughput", "memory"]
Precision = Literal["32-true", "bf16-true", "bf16-mixed", "16-true", "16-mixed"]


POSITIVE = (
    "frontier_seconds",
    "max_batch_size",
    "memory_budget_gib",
    "min_samples",
    "num_warmup_steps",
    "point_timeout_s",
    "seconds_per_measurement",
    "threads",
    "time_budget_s",
    "visits",
)
# What a CPU has no choice of.
OF_CUDA = {"tf32": False, "cudnn_benchmark": False, "sdpa_backend": "any"}


@dataclass(frozen=True)
class VariantSettings:
    """One line of `variants`: a name, or a map with the fields below.

    Args:
        name: A key of `VARIANTS` for the modality.
        attention_window: Total width in tokens, even; null takes the variant's own.
        checkpoint: Folder or hub name of the weights; null takes random ones.
        implementations: Attention kernels; null takes the sweep's.
        compiled: Whether the model goes through torch.compile: `[false, true]` measures it both as
            it comes and compiled. Each compilation takes up to a minute on a CPU.
        graphed: Whether the calls of the model are recorded once and replayed, on cuda alone, so
            that no step waits for the host: `[false, true]` measures both. What is compiled is not
            graphed as well. A comparison needs it on both sides.
    """

    name: str
    attention_window: int | None = None
    checkpoint: str | None = None
    implementations: list[str] | None = None
    compiled: list[bool] = field(default_factory=lambda: [False])
    graphed: list[bool] = field(default_factory=lambda: [False])


@dataclass
class ModalitySettings:
    """What to measure in one modality.

    Args:
        variants: Names, or maps with name, attention_window, checkpoint, implementations, compiled,
            graphed.
        lengths: Sequence lengths in tokens (text) or frames (speech).
        input_sizes: Pixels per side (vision).
        refine: Whether `lengths` or `input_sizes` holds the two ends alone: the sweep then chooses
            the lengths between, and how often to visit each, where its answers are widest.
        data: A datamodule as class_path and init_args; its real batches are measured, at the
            quantiles of its lengths unless lengths are given. Null measures synthetic batches.
    """

    variants: list[Any] = field(default_factory=list)
    lengths: list[int] | None = None
    input_sizes: list[int] | None = None
    refine: bool = False
    data: dict[str, Any] | None = None

    def axis_values(self, modality: str) -> list[int] | None:
        """Return what was given of the modality's axis; None where the data decide."""
        values: list[int] | None = getattr(self, MODALITIES[modality].lengths_setting)
        return values


@dataclass
class SweepSettings:
    """Settings of `profile.py sweep`.

    Args:
        modalities: Map from text, speech or vision to its variants and lengths.
        implementations: Attention kernels to measure; null takes all that run here in both phases.
        phases: inference (forward) and training (forward, backward, optimiser step).
        metrics: What to measure: latency, throughput, memory.
        breakdown: Whether the step of each point is broken down into components too, in a run of
            its own.
        masked_steps: Whether steps with a mask of padding are measured too, and what they take over
            steps without one: `advise` then knows what padded batches cost beyond their length.
        size: base (as published), wide (its widths, fewer layers), small or tiny.
        precision: Lightning's name of the number format.
        device: cpu or cuda.
        tf32: On cuda, whether float32 may be rounded to TF32, in products and convolutions alike.
        cudnn_benchmark: On cuda, whether cuDNN tries its kernels for each new shape.
        sdpa_backend: On cuda, the kernel that torch's fused attention takes where it can: any
            (torch's own order), cudnn, flash (efficient where there is a mask), efficient or math.
        dropout: none, or the published rates.
        memory_budget_gib: Memory a measurement may take, in GiB; null takes 80 % of the
            machine's (cuda: of the device's).
        threads: CPU threads of a measurement; null takes all cores.
        allocator: kept (a process keeps the memory that it frees, as on a GPU: without this a step
            on a CPU spends up to half of its time on fresh pages) or system (the C library's own
            way). Peak memory is measured in a process that keeps none, whichever is chosen.
        seed: Seed of weights and synthetic batches.
        visits: How often each point is measured, in separate processes; with `refine` at most.
        target_factor: With `refine`, the answers are measured until the upper end of a tipping
            point's interval is at most so many times the lower one.
        time_budget_s: Seconds of measuring that visits after the first of each point may not
            exceed in all. Null makes exactly `visits` of each.
        seconds_per_measurement: Seconds of timed runs per point and visit.
        min_samples: Timed runs per point and visit, however long they take.
        num_warmup_steps: Untimed runs before them.
        max_batch_size: Largest batch of the throughput search, which tries 1, 2, 4, ...
        point_timeout_s: Seconds after which one measurement is given up as an error.
        frontier: Whether to search also, for every variant, implementation and phase, the largest
            batch that fits into the memory budget at each length, and the largest length at batch
            size 1; with `refine` at the two ends.
        frontier_seconds: Seconds after which one of these searches ends with what it has.
        pairs: Further comparisons, each as "bert:sdpa,longformer:mask_fixed"; a compiled one is
            "bert:sdpa compiled", one that is replayed "bert:sdpa graphed".
    """

    modalities: dict[str, ModalitySettings]
    implementations: list[str] | None = None
    phases: list[Phase] = field(default_factory=lambda: ["inference", "training"])
    metrics: list[Metric] = field(default_factory=lambda: ["latency", "throughput", "memory"])
    breakdown: bool = False
    masked_steps: bool = False
    size: Literal["base", "wide", "small", "tiny"] = "tiny"
    precision: Precision = "32-true"
    device: Literal["cpu", "cuda"] = "cpu"
    tf32: bool = False
    cudnn_benchmark: bool = False
    sdpa_backend: SdpaBackend = "any"
    dropout: Literal["none", "published"] = "none"
    memory_budget_gib: float | None = None
    threads: int | None = None
    allocator: Allocator = "kept"
    seed: int = 0
    visits: int = 3
    target_factor: float = 1.25
    time_budget_s: float | None = None
    seconds_per_measurement: float = 1.0
    min_samples: int = 5
    num_warmup_steps: int = 2
    max_batch_size: int = 32
    point_timeout_s: float = 900.0
    frontier: bool = False
    frontier_seconds: float = 300.0
    pairs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Check what the types cannot say."""
        if not self.modalities:
            raise SettingsError("`modalities` must name at least one modality, got none")
        _check_numbers(self)
        for name in ("phases", "metrics"):
            if not getattr(self, name):
                raise SettingsError(f"`{name}` must name at least one, got none")
        for modality, settings in self.modalities.items():
            _check_modality(modality, settings)
            _check_graphed(modality, self.variants_of(modality))
        if self.device == "cpu":
            _check_on_cpu(self)
        _check_implementations(self)
        for pair in self.pairs:
            _check_pair(pair)

    def variants_of(self, modality: str) -> list[VariantSettings]:
        """Return the checked `variants` of one modality, all of them when none is named."""
        entries = self.modalities[modality].variants or list(VARIANTS[modality])
        return [read_variant(modality, entry) for entry in entries]


def read_variant(modality: str, entry: Any) -> VariantSettings:
    """Turn one entry of `variants` into its settings.

    Raises:
        SettingsError: The entry has an unknown key or no name.
        ModelError: The variant is unknown, or its window is not a positive even number.
    """
    known = sorted(VariantSettings.__dataclass_fields__)
    fields = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
        raise SettingsError(f"`variants` takes names or maps with a `name`, got {entry!r}")
    for key in fields:
        if key not in known:
            raise SettingsError(
                f"`{key}` is not a setting of a variant; choose one of: {', '.join(known)}"
            )
    variant = VariantSettings(**fields)
    facts = find_variant(modality, variant.name)
    if variant.attention_window is not None:
        _check_window(variant.name, variant.attention_window, facts.takes_window)
    for implementation in variant.implementations or ():
        if implementation not in facts.implementations:
            raise SettingsError(
                f"`implementations` of {variant.name} has no {implementation!r}; "
                f"choose one of: {', '.join(sorted(facts.implementations))}"
            )
    _check_choices(variant, "compiled")
    _check_choices(variant, "graphed")
    return variant


def _check_choices(variant: VariantSettings, name: str) -> None:
    chosen = getattr(variant, name)
    if not (isinstance(chosen, list) and chosen and all(isinstance(one, bool) for one in chosen)):
        raise SettingsError(
            f"`{name}` of {variant.name} must be a list; "
            f"choose one of: [false], [true], [false, true]; got {chosen!r}"
        )


def _check_window(name: str, window: Any, takes_window: bool) -> None:
    if not takes_window:
        raise SettingsError(f"`attention_window` is not a setting of {name}, got {window!r}")
    validate_attention_window(window)


def _check_on_cpu(settings: SweepSettings) -> None:
    """Refuse what says something of a GPU alone."""
    if settings.precision == "16-mixed":
        raise SettingsError("`precision` 16-mixed needs `device` cuda; on a cpu use bf16-mixed")
    for name, default in OF_CUDA.items():
        value = getattr(settings, name)
        if value != default:
            raise SettingsError(
                f"`{name}` must be {str(default).lower()} unless `device` is cuda, "
                f"got {str(value).lower()}"
            )
    for modality in settings.modalities:
        for variant in settings.variants_of(modality):
            if any(variant.graphed):
                raise SettingsError(
                    f"`graphed` of {variant.name} must be [false] unless `device` is cuda, "
                    f"got {str(variant.graphed).lower()}"
                )


def _check_graphed(modality: str, variants: list[VariantSettings]) -> None:
    """Refuse graphs on one side of a comparison: the other one would wait for the host alone."""
    graphed = {variant.name: any(variant.graphed) for variant in variants}
    for name, is_graphed in graphed.items():
        other = vanilla_of(modality, name)
        if other in graphed and graphed[other] != is_graphed:
            one, without = (name, other) if is_graphed else (other, name)
            raise SettingsError(
                f"`graphed` must have true on both sides of a comparison, got it of {one} and not "
                f"of {without}"
            )


def _check_numbers(settings: SweepSettings) -> None:
    for name in POSITIVE:
        value = getattr(settings, name)
        if value is not None and value <= 0:
            raise SettingsError(f"`{name}` must be above zero, got {value}")
    if settings.target_factor <= 1:
        raise SettingsError(f"`target_factor` must be above 1, got {settings.target_factor}")
    if settings.seed < 0:
        raise SettingsError(f"`seed` must not be negative, got {settings.seed}")


def _check_modality(modality: str, settings: ModalitySettings) -> None:
    if modality not in VARIANTS:
        raise SettingsError(
            f"`modalities` has no {modality!r}; choose one of: {', '.join(sorted(VARIANTS))}"
        )
    right = MODALITIES[modality].lengths_setting
    for wrong in sorted({other.lengths_setting for other in MODALITIES.values()} - {right}):
        if getattr(settings, wrong) is not None:
            raise SettingsError(f"`{wrong}` is not a setting of {modality}; use `{right}`")
    lengths = settings.axis_values(modality)
    if lengths is None and settings.data is None:
        raise SettingsError(f"`{right}` of {modality} must be given when there is no `data`")
    if lengths is not None and (not lengths or min(lengths) < 1):
        raise SettingsError(f"`{right}` of {modality} must be numbers above zero, got {lengths}")
    if settings.refine and lengths is not None and len(set(lengths)) != 2:
        raise SettingsError(
            f"`{right}` of {modality} must be the two ends, as `refine` is true, got {lengths}"
        )
    for entry in settings.variants:
        read_variant(modality, entry)


def _check_implementations(settings: SweepSettings) -> None:
    known = {
        implementation
        for modality in settings.modalities
        for variant in VARIANTS[modality].values()
        for implementation in variant.implementations
    }
    for name in settings.implementations or ():
        if name not in known:
            raise SettingsError(
                f"`implementations` has no {name!r}; choose one of: {', '.join(sorted(known))}"
            )


def _check_pair(pair: str) -> None:
    kernels = {
        (name, implementation): modality
        for modality, variants in VARIANTS.items()
        for name, variant in variants.items()
        for implementation in variant.implementations
    }
    first, second = parse_pair(pair)
    sides = [(variant, implementation_of(kernel)) for variant, kernel in (first, second)]
    for side in sides:
        if side not in kernels:
            known = ", ".join(sorted(":".join(kernel) for kernel in kernels))
            raise SettingsError(f"`pairs` has no {':'.join(side)!r}; choose one of: {known}")
    if kernels[sides[0]] != kernels[sides[1]]:
        raise SettingsError(f"`pairs` must stay within one modality, got {pair!r}")


assert SIZES == (
    "base",
    "wide",
    "small",
    "tiny",
)  # the Literal of `size` above repeats them for --help
