"""How large everything is that `gpu-check` does: as on a GPU, or in small."""

from dataclasses import dataclass

from profiling.planning.settings import ModalitySettings, Precision, SweepSettings

MOMENT_FRAMES = 615  # the mean length of LibriSpeech's recordings: 12.3 seconds


@dataclass(frozen=True)
class Scale:
    """Sizes of the parts of a check.

    Args:
        device: cuda or cpu.
        size: Of models, as in a sweep.
        precision: Of models, as in a sweep.
        dtypes: Of kernels, by torch's names.
        product_side: Rows and columns of the products that a ceiling is measured with.
        copy_mib: What is copied to measure the bandwidth of memory.
        lengths: Tokens at which kernels are timed.
        windows: Windows at which kernels are timed and proved.
        heads: Of the kernels that are timed.
        flex_lengths: Tokens at which FlexAttention is timed: it compiles for each.
        proof_lengths: Tokens at which kernels are held against the oracle.
        frames: Of the recordings whose forward is replayed as a graph.
        batch_size: Of the same for throughput.
        recording_s: Seconds of the long recording.
        seconds_per_case: Of every timing.
        sweeps: What the sweep measures, the most important first, into one run directory.
    """

    device: str
    size: str
    precision: Precision
    dtypes: tuple[str, ...]
    product_side: int
    copy_mib: int
    lengths: tuple[int, ...]
    windows: tuple[int, ...]
    heads: int
    flex_lengths: tuple[int, ...]
    proof_lengths: tuple[int, ...]
    frames: int
    batch_size: int
    recording_s: float
    seconds_per_case: float
    sweeps: tuple[SweepSettings, ...]


VISITS = 3  # of everything that is to decide something
SPEECH = {"hubert": ["sdpa"], "lhubert": ["local_blocked", "local_varlen"]}
TEXT = {"bert": ["sdpa"], "local_bert": ["local_varlen"]}
OTHERS = {"longformer": ["mask_fixed"], "nystromformer": ["library"], "bigbird": ["library"]}
VISION = {"vit": ["sdpa"], "swin": ["sdpa"]}
WINDOWS = {"lhubert": 100, "local_bert": 512, "longformer": 512}


def full() -> Scale:
    """Return what a GPU does in eight minutes."""
    return Scale(
        device="cuda",
        size="base",
        precision="bf16-true",
        dtypes=("bfloat16", "float32"),
        product_side=8192,
        copy_mib=1024,
        lengths=(1000, 4000, 250, 16_000, 64_000),
        windows=(100, 512),
        heads=12,
        flex_lengths=(1000, 4000, 16_000),
        # The longest is cut into blocks, as long recordings are; all but 77 leave 64 of 128.
        proof_lengths=(4160, 320, 77, 704, 1600),
        frames=MOMENT_FRAMES,
        batch_size=64,
        recording_s=3600.0,
        seconds_per_case=0.05,
        sweeps=full_sweeps(),
    )


def full_sweeps() -> tuple[SweepSettings, ...]:
    """Return the rounds of the sweep: around the expected crossings thrice, then all else.

    A longest length that was visited once leaves a verdict undecided: it is in the first round of
    its kind, and no later one, which may be cut, goes beyond it. Text has the same longest length
    in all of its rounds, because position tables are made for it. The first two rounds are meant to
    fit into the usual time; what else is around the crossing of speech comes next.
    """
    common = {"size": "base", "precision": "bf16-true", "device": "cuda"}

    def one(variants: dict[str, list[str]], lengths: list[int], **more: object) -> SweepSettings:
        return _settings(variants, lengths, WINDOWS, **(common | more))

    return (
        one(SPEECH, [1500, 3000, 30_000], phases=["inference"], visits=VISITS),
        one(TEXT, [2048, 4096, 16_384], phases=["inference"], visits=VISITS),
        one(SPEECH, [MOMENT_FRAMES, 6000], phases=["inference"], visits=2),
        one(OTHERS, [4096, 16_384], phases=["inference"], visits=1),
        one(SPEECH, [1500, 6000], phases=["training"], visits=2),
        one(VISION, [1024, 2048], phases=["inference"], visits=2),
        one(TEXT, [4096, 16_384], phases=["training"], visits=1),
    )


def tiny(device: str = "cpu") -> Scale:
    """Return every part in small, for a CPU: what is seen is that it works."""
    precision: Precision = "32-true" if device == "cpu" else "bf16-true"
    common = {"size": "tiny", "precision": precision, "device": device, "phases": ["inference"]}
    windows = {"lhubert": 16, "local_bert": 16}
    brief = {"seconds_per_measurement": 0.01, "min_samples": 2, "num_warmup_steps": 1}
    speech = {"hubert": ["sdpa"], "lhubert": ["local_blocked"]}
    every = common | brief
    return Scale(
        device=device,
        size="tiny",
        precision=precision,
        dtypes=("float32",) if device == "cpu" else ("bfloat16", "float32"),
        product_side=256,
        copy_mib=8,
        lengths=(64, 200),
        windows=(16,),
        heads=2,
        flex_lengths=(),
        proof_lengths=(320, 33),
        frames=40,
        batch_size=2,
        recording_s=10.0,
        seconds_per_case=0.005,
        sweeps=(
            _settings(speech, [40, 80], windows, **every, visits=VISITS),
            _settings({"bert": ["sdpa"]}, [48], windows, **every, visits=1),
            _settings(VISION, [32], windows, **every, visits=1),
        ),
    )


def _settings(
    variants: dict[str, list[str]], lengths: list[int], windows: dict[str, int], **more: object
) -> SweepSettings:
    entries: list[dict[str, object]] = [
        {"name": name, "implementations": kernels}
        | ({"attention_window": windows[name]} if name in windows else {})
        for name, kernels in variants.items()
    ]
    modality = {"hubert": "speech", "vit": "vision"}.get(next(iter(variants)), "text")
    values = {"input_sizes" if modality == "vision" else "lengths": lengths}
    chosen = ModalitySettings(variants=entries, **values)  # type: ignore[arg-type]
    fixed = {"metrics": ["latency", "memory"], "seconds_per_measurement": 0.4, "min_samples": 8}
    return SweepSettings({modality: chosen}, **(fixed | more))  # type: ignore[arg-type]
