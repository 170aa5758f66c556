"""Every setting of a sweep, with its unit and default."""

from dataclasses import dataclass, field
from typing import Any, Literal

from datamodules.modality import MODALITIES
from lightning_modules.sizes import SIZES
from lightning_modules.variants import VARIANTS
from profiling.planning.checks import check_sweep
from profiling.planning.variant_settings import VariantSettings, read_variant

Phase = Literal["inference", "training"]
Allocator = Literal["kept", "system"]
SdpaBackend = Literal["any", "cudnn", "flash", "efficient", "math"]
Metric = Literal["latency", "throughput", "memory"]
Precision = Literal["32-true", "bf16-true", "bf16-mixed", "16-true", "16-mixed"]


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
        implementations: Attention kernels to measure; null takes all that run here in both phases,
            except `unpadded` and `local_compiled`, which are measured only where they are named.
        phases: inference (forward) and training (forward, backward, optimiser step).
        metrics: What to measure: latency, throughput, memory.
        breakdown: Whether the step of each point is also broken down into components, such as
            attention and feed-forward layers, in a run of its own.
        masked_steps: Whether steps with a mask of padding are measured beside steps without one:
            `advise` then knows what a mask adds to the cost of a padded batch.
        size: Of the models: base (as published), wide (its widths, fewer layers), small or tiny.
        precision: Number format, by Lightning's name.
        device: Where to measure: cpu or cuda.
        tf32: On cuda, whether float32 may be rounded to TF32, in products and convolutions alike.
        cudnn_benchmark: On cuda, whether cuDNN tries its kernels for each new shape.
        sdpa_backend: On cuda, the kernel that torch's fused attention takes where it can: any
            (torch's own order), cudnn, flash (efficient where there is a mask), efficient or math.
        dropout: none, or published (the published rates).
        memory_budget_gib: Memory that a measurement may take, in GiB; null takes 80 % of that of
            the machine (cuda: of the device).
        threads: CPU threads of a measurement; null takes all cores.
        allocator: kept (a process keeps the memory that it frees, as on a GPU: without this a step
            on a CPU spends up to half of its time on fresh pages) or system (the C library's own
            way). Peak memory is measured in a process that keeps none, whichever is chosen.
        seed: Seed of weights and synthetic batches.
        visits: How often each point is measured, each time in a process of its own; with `refine`
            at most so often for each comparison, and for an answer about memory at most twice.
        target_factor: With `refine`, an answer is measured until the upper end of its interval is
            at most so many times the lower end.
        time_budget_s: Seconds of measuring in all; with `shard` those of each shard. Where lengths
            are given, the first visit of each point is made even beyond them; with `refine` a
            modality and phase is left alone where there is no time for two visits of its ends. A
            visit that failed is made once more by each sweep in any case. Null sets no limit.
        seconds_per_measurement: Seconds of timed steps per point and visit.
        min_samples: Fewest timed steps per point and visit, however long they take.
        num_warmup_steps: Untimed steps before them.
        max_batch_size: Largest batch of the throughput search, which tries 1, 2, 4, ...
        point_timeout_s: Seconds after which one measurement is given up and becomes an error row.
        frontier: Whether to search as well what fits into the memory budget, for every variant,
            implementation and phase: the largest batch at each length (with `refine`, at those that
            the sweep begins with: both ends, and where a variant's own range ends) and the largest
            length at batch size 1.
        frontier_seconds: Seconds after which such a search ends with what it has found; a later
            sweep with more of them makes it again.
        pairs: Further comparisons, each as "bert:sdpa,longformer:mask_fixed"; a compiled kernel is
            "bert:sdpa compiled", one with CUDA graphs "bert:sdpa graphed".
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
        """Check what the types cannot say.

        Raises:
            SettingsError: A setting is wrong, or two do not go together.
        """
        check_sweep(self)

    def variants_of(self, modality: str) -> list[VariantSettings]:
        """Return the checked `variants` of one modality, all of them when none is named."""
        entries = self.modalities[modality].variants or list(VARIANTS[modality])
        return [read_variant(modality, entry) for entry in entries]


assert SIZES == (
    "base",
    "wide",
    "small",
    "tiny",
)  # the Literal of `size` above repeats them for --help
