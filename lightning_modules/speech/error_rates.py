"""Error rates whose counts stay exact, whatever the dtype of the model that they are part of."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.text import CharErrorRate, WordErrorRate


class _ExactCounts(Metric):
    """Keeps the dtype of its counts.

    torchmetrics guards them against `half()` and the like, and not against `to(torch.bfloat16)`,
    in which 256 and 1 are 256.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], *others: Any, **more: Any) -> Any:
        return super()._apply(lambda counted: fn(counted).to(counted.dtype), *others, **more)


class WordErrors(_ExactCounts, WordErrorRate):
    """Edits of words over words of the references."""


class LetterErrors(_ExactCounts, CharErrorRate):
    """Edits of characters over characters of the references."""
