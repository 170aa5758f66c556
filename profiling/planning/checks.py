"""What the types of a sweep's settings cannot say: what is in range, and what goes together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datamodules.modality import MODALITIES
from lightning_modules.variants import VARIANTS, vanilla_of
from profiling.errors import SettingsError
from profiling.planning.number_checks import check_longest, check_numbers
from profiling.planning.variant_settings import VariantSettings, read_variant
from profiling.rows.pairs import implementation_of, parse_pair

if TYPE_CHECKING:
    from profiling.planning.settings import ModalitySettings, SweepSettings

# What a CPU has no choice of.
OF_CUDA = {"tf32": False, "cudnn_benchmark": False, "sdpa_backend": "any"}


def check_sweep(settings: "SweepSettings") -> None:
    """Check the settings of a sweep.

    Raises:
        SettingsError: A setting is wrong, or two do not go together.
        ModelError: A variant is unknown, or its window is not a positive even number.
    """
    if not settings.modalities:
        raise SettingsError("`modalities` must name at least one modality, got none")
    check_numbers(settings)
    for name in ("phases", "metrics", "pairs"):
        _check_listed(name, getattr(settings, name))
    for modality, measured in settings.modalities.items():
        _check_modality(modality, measured)
        _check_graphed(modality, settings.variants_of(modality))
    if settings.device == "cpu":
        _check_on_cpu(settings)
    _check_implementations(settings)
    for pair in settings.pairs:
        _check_pair(pair)


def _check_listed(name: str, chosen: Sequence[str]) -> None:
    """Refuse what would be measured or answered twice, and nothing at all to measure."""
    if not chosen and name != "pairs":
        raise SettingsError(f"`{name}` must name at least one, got none")
    for one in chosen:
        if chosen.count(one) > 1:
            raise SettingsError(f"`{name}` must name each once, got {one} more than once")


def _check_on_cpu(settings: "SweepSettings") -> None:
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


def _check_modality(modality: str, settings: "ModalitySettings") -> None:
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
    check_longest(f"`{right}` of {modality}", lengths or ())
    if settings.refine and lengths is not None and len(set(lengths)) != 2:
        raise SettingsError(
            f"`{right}` of {modality} must be the two ends, as `refine` is true, got {lengths}"
        )
    for entry in settings.variants:
        read_variant(modality, entry)


def _check_implementations(settings: "SweepSettings") -> None:
    known = {
        implementation
        for modality in settings.modalities
        for variant in VARIANTS[modality].values()
        for implementation in variant.implementations
    }
    named = settings.implementations or ()
    for name in named:
        if name not in known:
            raise SettingsError(
                f"`implementations` has no {name!r}; choose one of: {', '.join(sorted(known))}"
            )
    chosen = _implementations_of_chosen(settings)
    if named and not chosen & {*named}:
        raise SettingsError(
            "`implementations` must have one of a variant that is measured, "
            f"got {', '.join(named)}; choose one of: {', '.join(sorted(chosen))}"
        )


def _implementations_of_chosen(settings: "SweepSettings") -> set[str]:
    return {
        implementation
        for modality in settings.modalities
        for variant in settings.variants_of(modality)
        for implementation in VARIANTS[modality][variant.name].implementations
    }


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
