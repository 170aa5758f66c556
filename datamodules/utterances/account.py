"""What a source of recordings holds, and what was taken of it."""

from dataclasses import dataclass
from typing import Any

from datamodules.bad_samples import BadSamples, told_left_out


@dataclass(frozen=True)
class Account:
    """The account of one source; it goes on while recordings are read.

    Args:
        split: What the source is for: `train`, `val`, `test` or `predict`.
        source: As it was given.
        found: Files of the source, or lines of its manifest, whatever they are.
        bad_samples: Counts those that are left out.
    """

    split: str
    source: str
    found: int
    bad_samples: BadSamples

    def to_dict(self) -> dict[str, Any]:
        """Return `source`, `found`, `taken`, and `left_out` by reason and ending."""
        return {
            "source": self.source,
            "found": self.found,
            "taken": self.found - self.bad_samples.count_left_out,
            "left_out": self.bad_samples.left_out,
        }

    def __str__(self) -> str:
        taken = self.found - self.bad_samples.count_left_out
        reasons = told_left_out(self.bad_samples.left_out)
        return f"{self.split}, {self.source}: {self.found} found, {taken} taken" + (
            f", left out: {reasons}" if reasons else ""
        )
