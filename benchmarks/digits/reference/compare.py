"""One's own run against the reference curves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.digits.curves import Points, read_scalars

# Of a value: the reference has few digits, and some curves are the same in all seeds.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Compared:
    """A curve of one's own against the reference.

    Args:
        scalar: Which one.
        steps: At how many steps of the reference one's own run has been.
        within: At how many of them it is between the lowest and the highest seed.
        expected: The share at which one more seed of the reference would be.
        last_step: The last of these steps.
        value: One's own there.
        lowest: Of the reference there.
        highest: Of the reference there.
    """

    scalar: str
    steps: int
    within: int
    expected: float
    last_step: int
    value: float
    lowest: float
    highest: float

    @property
    def side(self) -> str:
        """Where the last value is."""
        slack = ROUNDING * abs(self.value)
        if self.value < self.lowest - slack:
            return "below"
        return "above" if self.value > self.highest + slack else "within"


def compare_logs(reference: dict[str, Any], logs: Path, model: str, name: str) -> list[Compared]:
    """Compare the TensorBoard logs of one run with the reference of a model and round.

    Raises:
        ValueError: There is no such reference, or the logs share no curve with it.
    """
    known = {f"{of}/{each}" for of, rounds in reference["curves"].items() for each in rounds}
    if f"{model}/{name}" not in known:
        raise ValueError(f"no reference of {model}/{name}; choose one of: {sorted(known)}")
    curves = reference["curves"][model][name]
    own = read_scalars(logs, list(curves))
    found = [compare_curve(scalar, curves[scalar], points) for scalar, points in own.items()]
    compared = [each for each in found if each is not None]
    if not compared:
        raise ValueError(f"{logs} has none of: {', '.join(curves)}")
    return compared


def compare_curve(scalar: str, curve: dict[str, Any], points: Points) -> Compared | None:
    """Compare one curve at the steps of the reference; None where it has been at none of them.

    Between its own steps a curve is taken as straight. One more of k + 1 seeds that are alike is
    between the other k with probability (k - 1) / (k + 1), whatever their distribution.
    """
    steps, values = np.array(sorted(dict(points).items())).T
    at = np.array(curve["steps"])
    reached = (at >= steps[0]) & (at <= steps[-1])
    if not reached.any():
        return None
    low, high, seeds = (np.array(curve[of])[reached] for of in ("lowest", "highest", "seeds"))
    own = np.interp(at[reached], steps, values)
    slack = ROUNDING * np.abs(own)
    return Compared(
        scalar,
        int(reached.sum()),
        int(((own >= low - slack) & (own <= high + slack)).sum()),
        float(((seeds - 1) / (seeds + 1)).mean()),
        int(at[reached][-1]),
        *(float(each[-1]) for each in (own, low, high)),
    )


def describe_comparison(compared: list[Compared]) -> str:
    """Return a line for each curve."""
    lines = [f"{'curve':<24} {'points within':>14} {'one more seed':>14}   last step"]
    for each in compared:
        share = f"{each.within} of {each.steps}"
        lines.append(
            f"{each.scalar:<24} {share:>14} {each.expected:>14.0%}   {each.last_step + 1}: "
            f"{each.value:.3g}, {each.side} {each.lowest:.3g}-{each.highest:.3g}"
        )
    return "\n".join(lines)
