"""The window that a checkpoint was trained with, by its configuration; free of torch."""

import json
from pathlib import Path
from typing import Any

from lightning_modules.errors import ModelError
from lightning_modules.variant import Variant
from lightning_modules.window import validate_attention_window

FILE = "config.json"
# By the type of a model that always has windows, the field with its own.
OWN_FIELDS = {
    "lhubert": "attention_window",
    "longformer": "attention_window",
    "modernbert": "local_attention",
}


def choose_window(variant: Variant, given: int | None, checkpoint: str | None) -> int | None:
    """Return the window of a variant: the one given, else the checkpoint's, else the default.

    Args:
        variant: What the registry knows of it.
        given: The setting `attention_window`.
        checkpoint: Folder or hub name; None = random weights.

    Returns:
        Total width in tokens; None where the variant has no window, or the layers of the checkpoint
        have different ones.

    Raises:
        OSError: The checkpoint has no configuration that could be read.
        ModelError: Its layers have different windows, and the variant has a single one; or a window
            is no positive even number.
    """
    if given is not None or checkpoint is None or not variant.takes_window:
        return given or variant.default_window
    stored = stored_windows(checkpoint)
    if len(stored) > 1 and variant.has_one_window:
        raise ModelError(
            f"`attention_window` must be given with `checkpoint` {checkpoint!r}, whose layers have "
            f"different ones, {', '.join(map(str, stored))}, got none"
        )
    if len(stored) > 1:
        return None
    return stored[0] if stored else variant.default_window


def stored_windows(checkpoint: str) -> list[int]:
    """Return the windows that a configuration has, each once; none where it names none.

    Layers that see all tokens count for nothing. transformers leaves out what is the default of the
    library.

    Args:
        checkpoint: Folder or hub name.

    Raises:
        OSError: There is no configuration, or it is damaged.
        ModelError: A window is no positive even number.
    """
    known = _read(checkpoint)
    windows = _noted(known)
    if windows is None:
        own = OWN_FIELDS.get(str(known.get("model_type")))
        windows = [] if own is None else known.get(own, [])
    if not isinstance(windows, list):
        windows = [windows]
    else:
        windows = [window for window in windows if window is not None]
    for window in windows:
        validate_attention_window(window)
    return sorted(set(windows))


def noted_windows(checkpoint: str) -> Any:
    """Return the windows that `localize` has noted in a configuration, None where it has not.

    They count before the field of the model's type, which `localize` leaves alone.

    Args:
        checkpoint: Folder or hub name.

    Returns:
        One for all layers; or a list with one for each, None where it sees all tokens.

    Raises:
        OSError: There is no configuration, or it is damaged.
    """
    return _noted(_read(checkpoint))


def _noted(known: dict[str, Any]) -> Any:
    return known.get("attention_window") if known.get("local_implementation") else None


def _read(checkpoint: str) -> dict[str, Any]:
    try:
        known = json.loads(_find(checkpoint).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no JSON, and what is no name on the hub
        raise OSError(f"no configuration in {checkpoint!r}") from error
    if not isinstance(known, dict):
        raise OSError(f"no configuration in {checkpoint!r}")
    return known


def _find(checkpoint: str) -> Path:
    if Path(checkpoint).is_dir():
        return Path(checkpoint) / FILE
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(checkpoint, FILE))
