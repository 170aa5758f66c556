"""Many comparisons at once: what chance alone would decide among them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datamodules.counted import counted

FALSE_SHARE = 0.05
BY_CHANCE = "chance alone may have decided it, among so many comparisons"


def beyond_chance(chances: Sequence[float]) -> NDArray[np.bool_]:
    """Return which of several answers stand, of which 5 % at most are false ones on average.

    The step-up procedure of Benjamini and Hochberg, "Controlling the false discovery rate" (1995).

    Args:
        chances: How often chance alone would give each, from 0 to 1 (p-values).
    """
    ordered = np.sort(np.asarray(chances, dtype=np.float64))
    allowed = FALSE_SHARE * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    standing = ordered[ordered <= allowed]
    limit = standing[-1] if len(standing) else -1.0
    return np.asarray(np.asarray(chances) <= limit)


def decided_by_chance(num_comparisons: int, strict: bool = False) -> str:
    """Say how many of so many comparisons of equals chance alone would decide, in a sentence.

    Args:
        num_comparisons: Of a whole report.
        strict: Whether those are left undecided.
    """
    expected = FALSE_SHARE * num_comparisons
    about = f"{expected:.2g}" if expected < 10 else f"{expected:,.0f}"
    left = (
        "what it may have decided is left undecided"
        if strict
        else "`--strict true` leaves those undecided"
    )
    return (
        f"Of {counted(num_comparisons, 'comparison')} about {about} would be decided by "
        f"chance alone, were all equal; {left}."
    )
