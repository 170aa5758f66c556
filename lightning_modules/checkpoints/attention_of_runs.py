"""Which attention a checkpoint of a training run was trained with: no weight of it tells.

HuBERT and L-HuBERT, BERT and local BERT have the same weights, whatever the window.
"""

from collections.abc import Sequence
from typing import Any

from lightning_modules.errors import ModelError

KEY = "attention"

Windows = int | list[int | None] | None


def note_attention(checkpoint: dict[str, Any], variant: str, windows: Windows) -> None:
    """Keep variant and window beside the weights that were trained with them.

    Args:
        checkpoint: Of Lightning, about to be saved.
        variant: Of the model.
        windows: What `one_or_all` returned.
    """
    checkpoint[KEY] = {"variant": variant, "attention_window": windows}


def check_attention(
    checkpoint: dict[str, Any], variant: str, windows: Windows, setting: str = "variant"
) -> None:
    """Refuse weights that were trained with another attention; older checkpoints say nothing of it.

    Args:
        checkpoint: Of Lightning, about to be loaded.
        variant: Of the model.
        windows: What `one_or_all` returned.
        setting: Which setting chooses the variant.

    Raises:
        ModelError: Variant or window are others.
    """
    saved = checkpoint.get(KEY)
    if saved is None or saved == {"variant": variant, "attention_window": windows}:
        return
    wanted, given = saved["attention_window"], windows
    if saved["variant"] == variant:
        raise ModelError(
            f"`attention_window` must be {wanted} as the checkpoint was trained with, got {given}"
        )
    raise ModelError(
        f"`{setting}` must be {_told(saved['variant'], wanted)} as the checkpoint was trained, got "
        f"{_told(variant, given)}"
    )


def one_or_all(windows: Sequence[int | None]) -> Windows:
    """Return the window of all layers where they share one, else those of each layer."""
    different = set(windows)
    return next(iter(different), None) if len(different) < 2 else list(windows)


def _told(variant: str, windows: Windows) -> str:
    if windows is None:
        return f"{variant} without `attention_window`"
    return f"{variant} with `attention_window` {windows}"
