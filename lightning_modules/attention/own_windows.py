"""The windows of models whose layers are of two kinds: sliding ones, and ones that see all tokens.

Every attention module of such a model says in `sliding_window` how far it sees: one more than the
tokens on each side, as flash attention counts them, or None where it sees all.
"""

from collections.abc import Sequence
from typing import Any

from lightning_modules.errors import ModelError
from lightning_modules.window import windows_of_layers

Windows = int | Sequence[int | None]


def choose_windows(model: Any, modules: list[Any], attention_window: Windows | None) -> list[Any]:
    """Return the window of every attention module; None where it sees all tokens.

    Args:
        model: The model, for its name.
        modules: Its attention modules.
        attention_window: One for all, one for each, or None for those that the model has.

    Raises:
        ModelError: They do not fit, or the model has none of its own.
    """
    own = [_own_window(module) for module in modules]
    has_own = any(own)
    if attention_window is None and not has_own:
        raise ModelError(
            f"`attention_window` must be given for {type(model).__name__}, got null, "
            "which takes the windows of a model that has some of its own"
        )
    windows = own if attention_window is None else attention_window
    if not has_own or not isinstance(windows, list | tuple) or None not in windows:
        return list(windows_of_layers(windows, len(modules)))
    # What is checked of a layer without a window is only that it is there.
    given = windows_of_layers([2 if each is None else each for each in windows], len(modules))
    if not any(windows):
        raise ModelError("`attention_window` must have a number for at least one layer, got none")
    return [None if each is None else window for each, window in zip(windows, given, strict=True)]


def _own_window(module: Any) -> int | None:
    inclusive = getattr(module, "sliding_window", None)
    return None if inclusive is None else 2 * (inclusive - 1)
