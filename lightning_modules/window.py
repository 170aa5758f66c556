"""The rule for `attention_window`, shared by settings, kernels and models; free of torch."""

from lightning_modules.errors import ModelError


def validate_attention_window(attention_window: int) -> None:
    """Raise ModelError unless `attention_window` is a positive even number of tokens."""
    is_number = isinstance(attention_window, int) and not isinstance(attention_window, bool)
    if not is_number or attention_window <= 0 or attention_window % 2:
        raise ModelError(
            f"`attention_window` must be a positive even number of tokens, got {attention_window!r}"
        )
