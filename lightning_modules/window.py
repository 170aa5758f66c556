"""The rule for `attention_window`, shared by settings, kernels and models; free of torch."""

from typing import Any

from lightning_modules.errors import ModelError

DEFAULT_SPEECH_WINDOW = 100  # frames of 20 ms: the width of L-HuBERT where none is given


def validate_attention_window(attention_window: Any) -> None:
    """Raise ModelError unless `attention_window` is a positive even number of tokens."""
    is_number = isinstance(attention_window, int) and not isinstance(attention_window, bool)
    if not is_number or attention_window <= 0 or attention_window % 2:
        raise ModelError(
            f"`attention_window` must be a positive even number of tokens, got {attention_window!r}"
        )


def windows_of_layers(attention_window: Any, num_layers: int) -> list[int]:
    """Return the window of every layer, given one for all or a list with one for each.

    Raises:
        ModelError: A window is not a positive even number, or there is not one per layer.
    """
    is_list = isinstance(attention_window, list | tuple)
    windows = list(attention_window) if is_list else [attention_window] * num_layers
    if len(windows) != num_layers:
        raise ModelError(
            f"`attention_window` must be one number or {num_layers} of them, one per layer, "
            f"got {len(windows)}"
        )
    for window in windows:
        validate_attention_window(window)
    return windows
