"""Which keys the mask of a model of transformers shows to a query, read from its mask function.

transformers describes a mask by a function of the places of a query and a key, often joined from
several. A local kernel builds no such mask: it must know that it is a band, or no band at all.
"""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from transformers.masking_utils import and_masks, bidirectional_mask_function, or_masks

from lightning_modules.errors import ModelError

FAR = 2**40  # tokens: further than any input reaches
# By their joined functions: whether all of them must let a key be seen, or one is enough.
JOINED_BY: dict[Any, Callable[[Iterator[bool]], bool]] = {
    and_masks(bidirectional_mask_function).__code__: all,
    or_masks(bidirectional_mask_function).__code__: any,
}


def half_window_of(mask_function: Callable[..., Any]) -> int | None:
    """Return how many tokens a query sees on each side of it; None where it sees all.

    Args:
        mask_function: Takes batch, head, query and key.

    Raises:
        ModelError: The mask looks to one side, or depends on more than the distance of two tokens.
    """
    if mask_function is bidirectional_mask_function:
        return None
    if not _is_of_places_alone(mask_function) or not _sees(mask_function, FAR, FAR):
        raise _other_mask()
    if all(_sees(mask_function, FAR, FAR + far) for far in (-FAR, FAR)):
        return None
    half_window = _reach(mask_function)
    for query in (half_window, FAR):
        for distance in (half_window // 2, half_window, half_window + 1, 2 * half_window + 1):
            keys = (query + distance, max(0, query - distance))
            for key in keys:
                is_near = abs(query - key) <= half_window
                if _sees(mask_function, query, key) != is_near:
                    raise _other_mask()
    return half_window


def _reach(mask_function: Callable[..., Any]) -> int:
    """Return how far a query sees back, by halving."""
    near, far = 0, FAR
    while far - near > 1:
        middle = (near + far) // 2
        if _sees(mask_function, FAR, FAR - middle):
            near = middle
        else:
            far = middle
    return near


def _sees(mask_function: Callable[..., Any], query: int, key: int) -> bool:
    join = JOINED_BY.get(mask_function.__code__)
    if join is None:
        return bool(mask_function(0, 0, query, key))
    return join(_sees(part, query, key) for part in _parts(mask_function))


def _is_of_places_alone(mask_function: Callable[..., Any]) -> bool:
    """Tell whether it looks at nothing of the input, such as where a sample begins."""
    parts = _parts(mask_function)
    return not any(isinstance(part, Tensor) for part in parts) and all(
        _is_of_places_alone(part) for part in parts if hasattr(part, "__code__")
    )


def _parts(mask_function: Callable[..., Any]) -> list[Any]:
    """List what a function was made from; of a joined one, the functions that it joins."""
    kept: list[Any] = [cell.cell_contents for cell in mask_function.__closure__ or ()]
    return [part for one in kept for part in (one if isinstance(one, tuple) else (one,))]


def _other_mask() -> ModelError:
    return ModelError(
        "local attention takes a mask that reaches as far to both sides of every token, got a "
        "model that asks for another mask"
    )
