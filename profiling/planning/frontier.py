"""What the frontier asks: the largest batch at a length, the largest length at batch size 1."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from datamodules.modality import MODALITIES
from lightning_modules.variant import Variant
from lightning_modules.variants import find_variant
from profiling.planning.points import Point
from profiling.rows.columns import columns_of, value_of

BATCH = "batch_size"
# Kernels of CUDA take no more blocks in one dimension.
LARGEST_BATCH = 65_535
# Of the axis: a text of a million tokens, speech of nearly six hours, an image of 268 megapixels.
LARGEST_LENGTHS = {"text": 2**20, "speech": 2**20, "vision": 2**14}
# What decides how long or how often is measured, and not what fits.
NOT_ASKED = ("batch_size", "sequence_length", "input_size", "max_batch_size", "allocator")


@dataclass(frozen=True)
class WholeSteps:
    """Steps that a measuring child makes to see whether they fit.

    Args:
        point: What makes them, at which length.
        batch_size: How many samples at once.
        checked: Whether the active path is checked first.
    """

    point: Point
    batch_size: int
    checked: bool = False


@dataclass(frozen=True)
class Search:
    """One question of the frontier.

    Args:
        point: The variant, implementation, phase and conditions; for the largest batch the length
            too, for the largest length where to begin.
        searched: `batch_size`, or the axis of the variant. Lengths that are tried count as the
            sweep does, whatever that axis is; `on_axis` turns them into what the row says.
    """

    point: Point
    searched: str

    @property
    def start(self) -> int:
        """The value that is tried first."""
        return 1 if self.searched == BATCH else self.point.length

    @property
    def least(self) -> int:
        """The smallest value that can be asked for."""
        return 1 if self.searched == BATCH else self._round(self._variant.minimum_length)

    @property
    def step(self) -> int:
        """What neighbouring values differ by."""
        return 1 if self.searched == BATCH else MODALITIES[self.point.modality].multiple

    @property
    def cap(self) -> int:
        """The largest value that is tried."""
        if self.searched == BATCH:
            return LARGEST_BATCH
        own = self._variant.maximum_length
        return own or max(LARGEST_LENGTHS[self.point.modality], self.point.length)

    @property
    def limited_at_cap(self) -> Literal["cap", "positions"]:
        """What keeps the answer from being larger where the cap itself fits."""
        own = self.searched != BATCH and self._variant.maximum_length is not None
        return "positions" if own else "cap"

    @property
    def degree(self) -> int:
        """With which power of the value its peak memory may grow."""
        if self.searched == BATCH:
            return 1
        # Tokens are the square of a side.
        return 4 if MODALITIES[self.point.modality].axis == "input_size" else 2

    def on_axis(self, value: int) -> int:
        """Return a value that was tried in what was searched: a batch, tokens, raw input."""
        raw = MODALITIES[self.point.modality].input_size(value)
        return raw if self.searched == "input_size" and raw is not None else value

    def steps_at(self, value: int, checked: bool = False) -> WholeSteps:
        """Return what a child has to try at one value.

        Real batches are stored at the lengths of the sweep only, so that the largest length is
        searched with synthetic ones; position tables are made for the length that is tried.
        """
        if self.searched == BATCH:
            return WholeSteps(self.point, value, checked)
        return WholeSteps(replace(self._unstored(), length=value, max_length=value), 1, checked)

    @cached_property
    def columns(self) -> dict[str, Any]:
        """What its row says before anything is tried, by the names of the columns."""
        said = self.point.columns if self.searched == BATCH else self._unstored().columns
        kept = {
            column.name: said[column.name]
            for column in columns_of("identity", "condition", "state")
            if column.name not in NOT_ASKED
        }
        place = {name: said[name] for name in ("sequence_length", "input_size", "max_length")}
        if self.searched != BATCH:
            place = dict.fromkeys(place) | {"batch_size": 1}
        return kept | place | {"searched": self.searched}

    @cached_property
    def key(self) -> str:
        """Hash of what was asked: it names the row of this search."""
        text = json.dumps(self.columns, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe(self) -> str:
        """Return the search in a few words, for progress and messages."""
        what = f"{self.point.variant} {self.point.kernel} {self.point.phase}"
        if self.searched == BATCH:
            return f"{what}, largest batch at {self.point.length:,}"
        return f"{what}, largest {self.searched} at batch 1"

    @property
    def _variant(self) -> Variant:
        return find_variant(self.point.modality, self.point.variant)

    def _round(self, length: int) -> int:
        return MODALITIES[self.point.modality].round_length(length)

    def _unstored(self) -> Point:
        """Return the point on synthetic batches, still of the data for which its model is made."""
        return replace(self.point, batches=None, batch_source="synthetic")


def searches_of(points: Sequence[Point]) -> list[Search]:
    """Return the searches that belong to points: a batch at each, a length for each kernel.

    The length is searched from a kernel's shortest point on, so that of the shards of a sweep one
    has it.

    Args:
        points: Of the whole sweep; left out are those that a variant cannot take, and those whose
            process holds a compiler: what fits there says nothing of the model.
    """
    able = [point for point in points if not point.skip_reason and not point.holds_compiler]
    found = [Search(point, BATCH) for point in able]
    shortest: dict[tuple[Any, ...], Point] = {}
    for point in sorted(able, key=lambda point: point.length):
        shortest.setdefault(_kernel(point), point)
    found += [Search(point, point.axis) for point in shortest.values()]
    return list({search.key: search for search in found}.values())


def _kernel(point: Point) -> tuple[Any, ...]:
    """Return what has a largest length of its own."""
    identity = [value_of(point.columns, column) for column in columns_of("identity")]
    return (*identity, point.phase)
