"""Why a run may not know what a mask of padding adds to the steps of a contender."""

from lightning_modules.variants import VARIANTS
from profiling.analysis.points.axes import axis_of
from profiling.analysis.points.groups import Contender, Points

SYNTHETIC = "synthetic"
FIXED = ("compiled", "graphed")


def why_no_masks(contender: Contender, points: Points, modality: str) -> str:
    """Return a clause that says what to do or why nothing can be done; empty where masks count.

    Images have no masks, a variant that takes none computes the same with one, and real batches
    were measured with those that they have.
    """
    variant = VARIANTS.get(modality, {}).get(contender.variant)
    if axis_of(modality) == "input_size" or (variant and not variant.takes_mask):
        return ""
    sources = {row.get("batch_source") or SYNTHETIC for rows in points.values() for row in rows}
    if sources != {SYNTHETIC}:
        return ""
    if fixed := [name for name, value in contender.others if name in FIXED and value == "True"]:
        return f"it is {fixed[0]} for batches without one"
    return "sweep with `masked_steps` true"
