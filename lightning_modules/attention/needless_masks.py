"""Full attention without padding gets no mask, however a forward is run.

transformers leaves a mask of ones away, so that fused attention can take its fastest kernel. While
a forward is compiled or recorded it makes that mask all the same, (batch, 1, tokens, tokens), in
torch below 2.14 or in transformers 5.17: there it cannot look at values, but where there is no
padding mask, there are none to look at. Local attention never asks for such a mask, so full
attention would lose every comparison of compiled models by it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from torch import Tensor
from transformers import AttentionMaskInterface
from transformers.masking_utils import (
    ALL_MASK_ATTENTION_FUNCTIONS,
    bidirectional_mask_function,
)

MakeMask = Callable[..., Tensor | None]
FULL = ("eager", "sdpa")


def leave_out_needless_masks() -> None:
    """Register masks of full attention with transformers that are left out where nobody masks."""
    for name in FULL:
        make = ALL_MASK_ATTENTION_FUNCTIONS[name]
        AttentionMaskInterface.register(name, _where_needed(make))


def _where_needed(make: MakeMask) -> MakeMask:
    """Return a function that makes the same masks, and None in place of one that masks nothing."""

    @wraps(make)
    def make_mask(*given: Any, **named: Any) -> Tensor | None:
        if not given and _masks_nothing(**named):
            return None
        return make(*given, **named)

    return make_mask


def _masks_nothing(
    *,
    attention_mask: Tensor | None = None,
    mask_function: Any = None,
    local_size: int | None = None,
    allow_is_bidirectional_skip: bool = False,
    **_: Any,
) -> bool:
    is_full = mask_function is bidirectional_mask_function and local_size is None
    return is_full and allow_is_bidirectional_skip and attention_mask is None
