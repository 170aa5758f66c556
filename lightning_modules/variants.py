"""The only registry of models: which variants exist, and how each is built."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lightning_modules.errors import ModelError
from lightning_modules.sizes import SIZES
from lightning_modules.variant import Variant
from lightning_modules.window import DEFAULT_SPEECH_WINDOW, validate_attention_window

if TYPE_CHECKING:
    from lightning import LightningModule

DROPOUTS = ("none", "published")
# A compiler that is not always there builds `local_compiled`, in a quarter of a minute. Sweeps
# measure it only where it is named: what they measure by default must not depend on the machine.
LOCAL = ("local_masked", "local_blocked", "local_compiled", "local_flex", "local_varlen")

VARIANTS: dict[str, dict[str, Variant]] = {
    "text": {
        "bert": Variant(
            path="lightning_modules.models.text.bert:BertModule",
            implementations=("eager", "sdpa", "unpadded"),
            like_for_like="eager",
            default="sdpa",
            only_named=("unpadded",),
            is_vanilla=True,
        ),
        "longformer": Variant(
            path="lightning_modules.models.text.longformer:LongformerModule",
            implementations=("library", "mask_fixed"),
            like_for_like="library",
            default="library",
            takes_window=True,
            default_window=512,
            has_one_window=True,
            pads_to="attention_window",
        ),
        "nystromformer": Variant(
            path="lightning_modules.models.text.nystromformer:NystromformerModule",
            implementations=("library",),
            like_for_like="library",
            default="library",
            minimum_length=65,
            length_reason="with no more tokens than its 64 landmarks it is full attention",
            pads_to=64,
        ),
        "bigbird": Variant(
            path="lightning_modules.models.text.bigbird:BigBirdModule",
            implementations=("library",),
            like_for_like="library",
            default="library",
            minimum_length=705,
            length_reason="up to 704 tokens it switches itself to full attention",
            pads_to=64,
        ),
        "local_bert": Variant(
            path="lightning_modules.models.text.local_bert:LocalBertModule",
            implementations=LOCAL,
            like_for_like="local_masked",
            default="local_blocked",
            only_named=("local_compiled",),
            takes_window=True,
            default_window=128,
        ),
        "modernbert_full": Variant(
            path="lightning_modules.models.text.modernbert_full:ModernBertFullModule",
            implementations=("eager", "sdpa"),
            like_for_like="eager",
            default="sdpa",
            is_vanilla=True,
        ),
        "modernbert": Variant(
            path="lightning_modules.models.text.modernbert:ModernBertModule",
            implementations=("eager", "sdpa", *LOCAL),
            like_for_like="eager",
            default="local_blocked",
            only_named=("local_compiled",),
            vanilla="modernbert_full",
            takes_window=True,
            default_window=128,
            has_one_window=True,
        ),
        "fnet": Variant(
            path="lightning_modules.models.text.fnet:FNetModule",
            attention_only=False,
            implementations=("library",),
            like_for_like="library",
            default="library",
            takes_mask=False,
            caution=(
                "has no mask, so that padding changes its outputs, and its Fourier transform takes "
                "longer at lengths with large prime factors, so that between the measured lengths "
                "its cost is no smooth curve"
            ),
        ),
    },
    "speech": {
        "hubert": Variant(
            path="lightning_modules.models.speech.hubert:HubertModule",
            implementations=("eager", "sdpa", "unpadded"),
            like_for_like="eager",
            default="sdpa",
            only_named=("unpadded",),
            is_vanilla=True,
        ),
        "lhubert": Variant(
            path="lightning_modules.models.speech.lhubert:LHubertModule",
            implementations=LOCAL,
            like_for_like="local_masked",
            default="local_blocked",
            only_named=("local_compiled",),
            takes_window=True,
            default_window=DEFAULT_SPEECH_WINDOW,
        ),
        "parakeet": Variant(
            path="lightning_modules.models.speech.parakeet:ParakeetModule",
            axis="input_size",
            attention_only=False,
            implementations=("eager", "sdpa"),
            like_for_like="eager",
            default="sdpa",
            minimum_length=5,
            length_reason="its batch norm cannot train on a single token of 80 ms",
            pads_to=4,
        ),
        "whisper": Variant(
            path="lightning_modules.models.speech.whisper:WhisperModule",
            axis="input_size",
            axis_reason="fills every recording up to 30 s",
            attention_only=False,
            implementations=("eager", "sdpa"),
            like_for_like="eager",
            default="sdpa",
            maximum_length=1500,
            maximum_reason="it has positions for 30 s and no more",
            pads_to=1500,
            caution=(
                "fills every recording up with silence to 30 s, so that its cost is the same up to "
                "there, and no mask keeps its attention from the silence"
            ),
        ),
    },
    "vision": {
        "vit": Variant(
            path="lightning_modules.models.vision.vit:VitModule",
            implementations=("eager", "sdpa"),
            like_for_like="eager",
            default="sdpa",
            is_vanilla=True,
            minimum_length=32,
            length_reason="image sides are multiples of 32 pixels",
        ),
        "swin": Variant(
            path="lightning_modules.models.vision.swin:SwinModule",
            attention_only=False,
            implementations=("eager", "sdpa"),
            like_for_like="eager",
            default="sdpa",
            minimum_length=32,
            length_reason="image sides are multiples of 32 pixels",
        ),
        "swinv2": Variant(
            path="lightning_modules.models.vision.swinv2:SwinV2Module",
            attention_only=False,
            implementations=("library",),
            like_for_like="library",
            default="library",
            minimum_length=32,
            length_reason="image sides are multiples of 32 pixels",
        ),
    },
}


def vanilla_of(modality: str, variant: str | None = None) -> str:
    """Name the variant that one is compared with, or the usual one of a modality."""
    chosen = find_variant(modality, variant).vanilla if variant else None
    variants = _variants_of(modality)
    return chosen or next(name for name in variants if variants[name].is_vanilla)


def find_variant(modality: str, variant: str) -> Variant:
    """Look a variant up; ModelError lists the choices."""
    variants = _variants_of(modality)
    if variant not in variants:
        raise ModelError(
            f"unknown `variant` {variant!r} for {modality}; "
            f"choose one of: {', '.join(sorted(variants))}"
        )
    return variants[variant]


def validate_settings(
    modality: str,
    variant: str,
    size: str = "tiny",
    implementation: str | None = None,
    attention_window: Any = None,
    dropout: str = "none",
    max_length: int | None = None,
) -> None:
    """Raise ModelError for a setting that the variant does not take.

    The classes call it when they are built, so that nobody else needs to.
    """
    entry = find_variant(modality, variant)
    _validate_choice("size", size, SIZES)
    _validate_choice("dropout", dropout, DROPOUTS)
    if max_length is not None:
        validate_count("max_length", max_length)
    if implementation is not None and implementation not in entry.implementations:
        raise ModelError(
            f"unknown `implementation` {implementation!r} for {variant}; "
            f"choose one of: {', '.join(sorted(entry.implementations))}"
        )
    if attention_window is None:
        return
    if not entry.takes_window:
        raise ModelError(
            f"`attention_window` must be left out for {variant}, got {attention_window}"
        )
    validate_attention_window(attention_window)


def validate_count(setting: str, count: int) -> None:
    """Raise ModelError unless there is at least one of what a setting counts."""
    if count < 1:
        raise ModelError(f"`{setting}` must be at least 1, got {count}")


def build_module(modality: str, variant: str, **settings: Any) -> "LightningModule":
    """Build the LightningModule of a variant, with the arguments of its class as settings.

    Raises:
        ModelError: There is no such variant, or it does not take one of the settings.
    """
    module_name, class_name = find_variant(modality, variant).path.split(":")
    module: LightningModule = getattr(import_module(module_name), class_name)(**settings)
    return module


def _variants_of(modality: str) -> dict[str, Variant]:
    _validate_choice("modality", modality, tuple(VARIANTS))
    return VARIANTS[modality]


def _validate_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ModelError(
            f"unknown `{setting}` {value!r}; choose one of: {', '.join(sorted(choices))}"
        )
