"""What is known of the size of a batch before its step, which may change it."""

import operator
from collections.abc import Callable
from typing import Any

from lightning import Trainer
from lightning.pytorch.loops.fetchers import _DataLoaderIterDataFetcher

from profiling.instruments.batch_shapes import UNKNOWN, BatchShape, batch_shape, count_real_tokens
from profiling.instruments.going_on import GoingOn

SHAPES = "the shapes of batches"


class BatchSizes:
    """Looks at batches; what cannot be understood is said once, and is then unknown.

    Args:
        shape_of: Gives the `BatchShape` of a batch; None knows the usual ones.
        going_on: Says what is left out.

    Attributes:
        shape: Of the batch at which was looked last.
        real_tokens: Its tokens that are no padding; None where nobody knows.
    """

    def __init__(self, shape_of: Callable[[Any], BatchShape] | None, going_on: GoingOn) -> None:
        self._shape_of = shape_of or batch_shape
        self._going_on = going_on
        self._fetched_in_step = False
        self.shape = UNKNOWN
        self.real_tokens: int | None = None

    def begin(self, trainer: Trainer, phase: str) -> None:
        """Begin a run of a phase: find out whether batches are there before their steps."""
        loop = trainer.predict_loop if phase == "inference" else trainer.fit_loop
        self._fetched_in_step = isinstance(loop._data_fetcher, _DataLoaderIterDataFetcher)

    def look_at(self, batch: Any) -> None:
        """Look at the batch that Lightning has at hand before the step."""
        self.shape, self.real_tokens = UNKNOWN, None
        if self._fetched_in_step:
            self._say_that_batches_come_later()
            return
        with self._going_on.without(SHAPES):
            self.shape = BatchShape(*map(_whole_or_none, self._shape_of(batch)))
        with self._going_on.without("the real tokens of batches"):
            self.real_tokens = count_real_tokens(batch, self.shape)

    def _say_that_batches_come_later(self) -> None:
        self._going_on.say(
            SHAPES,
            f"`ProfilingCallback` leaves out {SHAPES}: a step with a `dataloader_iter` fetches its "
            "batch by itself, and before it nobody knows which one",
        )


def _whole_or_none(size: Any) -> int | None:
    """Return a size as a number of Python's own: JSON knows no other, and tensors are never equal.

    Raises:
        TypeError: It is no size.
    """
    if size is None:
        return None
    try:
        whole = operator.index(size)
    except TypeError:
        whole = 0
    if whole < 1:
        raise TypeError(f"`shape_of` must give whole numbers from 1 or None, got {size!r}")
    return whole
