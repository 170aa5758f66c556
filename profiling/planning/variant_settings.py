"""One line of `variants` in the settings of a sweep."""

from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from lightning_modules.stored_window import choose_window
from lightning_modules.variants import find_variant
from lightning_modules.window import validate_attention_window
from profiling.errors import SettingsError
from profiling.planning.number_checks import check_longest


@dataclass(frozen=True)
class VariantSettings:
    """One line of `variants`: a name, or a map with the fields below.

    Args:
        name: A key of `VARIANTS` for the modality.
        attention_window: Total width in tokens, even; null takes the checkpoint's own, else the
            variant's.
        checkpoint: Folder or hub name of the weights; null takes random ones.
        implementations: Which of its implementations to measure; null takes the sweep's.
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


def read_variant(modality: str, entry: Any) -> VariantSettings:
    """Turn one entry of `variants` into its settings.

    Raises:
        SettingsError: The entry has an unknown key or no name, or a value of another type.
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
    _check_checkpoint(variant)
    _check_implementations(variant, sorted(facts.implementations))
    _check_choices(variant, "compiled")
    _check_choices(variant, "graphed")
    _check_treatments(variant)
    return variant


def with_window(modality: str, variant: VariantSettings) -> VariantSettings:
    """Return a variant with the window that its model will have, so that its rows say it.

    Raises:
        SettingsError: It is that of a checkpoint whose configuration cannot be read here.
        ModelError: The checkpoint has no single window, and the variant needs one.
    """
    facts = find_variant(modality, variant.name)
    try:
        window = choose_window(facts, variant.attention_window, variant.checkpoint)
    except OSError as error:
        raise SettingsError(
            f"`attention_window` of {variant.name} must be given with a `checkpoint` whose "
            f"configuration cannot be read here, got none with {variant.checkpoint!r}"
        ) from error
    return replace(variant, attention_window=window)


def treatments_of(variant: VariantSettings) -> list[tuple[bool, bool]]:
    """Return what is done to the kernels of a variant: (compiled, graphed), never both."""
    chosen = product(variant.compiled, variant.graphed)
    return [(compiled, graphed) for compiled, graphed in chosen if not (compiled and graphed)]


def _check_checkpoint(variant: VariantSettings) -> None:
    chosen = variant.checkpoint
    if chosen is not None and not (isinstance(chosen, str) and chosen):
        raise SettingsError(
            f"`checkpoint` of {variant.name} must be the text of a folder or hub name, "
            f"got {chosen!r}"
        )


def _check_implementations(variant: VariantSettings, known: list[str]) -> None:
    chosen = variant.implementations
    if chosen is not None and not isinstance(chosen, list):
        raise SettingsError(
            f"`implementations` of {variant.name} must be a list; "
            f"choose from: {', '.join(known)}; got {chosen!r}"
        )
    for implementation in chosen or ():
        if implementation not in known:
            raise SettingsError(
                f"`implementations` of {variant.name} has no {implementation!r}; "
                f"choose one of: {', '.join(known)}"
            )


def _check_choices(variant: VariantSettings, name: str) -> None:
    chosen = getattr(variant, name)
    if not (isinstance(chosen, list) and chosen and all(isinstance(one, bool) for one in chosen)):
        raise SettingsError(
            f"`{name}` of {variant.name} must be a list; "
            f"choose one of: [false], [true], [false, true]; got {chosen!r}"
        )


def _check_treatments(variant: VariantSettings) -> None:
    """Refuse true of both where one has nothing else: nothing would be measured with the other."""
    both = (variant.compiled, variant.graphed)
    if all(any(chosen) for chosen in both) and any(all(chosen) for chosen in both):
        compiled, graphed = (str(chosen).lower() for chosen in both)
        raise SettingsError(
            f"`compiled` and `graphed` of {variant.name} must both be [false, true] where both "
            "have true, because what is compiled is not graphed as well; "
            f"got {compiled} and {graphed}"
        )


def _check_window(name: str, window: Any, takes_window: bool) -> None:
    if not takes_window:
        raise SettingsError(f"`attention_window` is not a setting of {name}, got {window!r}")
    validate_attention_window(window)
    check_longest(f"`attention_window` of {name}", [window])
