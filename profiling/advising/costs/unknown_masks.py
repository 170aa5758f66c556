"""Why a run may not know what a mask of padding adds to the steps of a contender."""

from lightning_modules.variants import VARIANTS
from profiling.analysis.points.axes import axis_of
from profiling.analysis.points.groups import Contender, Points
from profiling.rows.columns import Row

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
    without = [
        length
        for length, rows in points.items()
        if length > 1 and any(ran_without_mask(row, "masked_step_ratio") for row in rows)
    ]
    if without:
        return (
            f"a step with one ran out of memory at {min(without):,}, and too few lengths are left"
        )
    return "sweep with `masked_steps` true"


def ran_without_mask(row: Row, ratio: str) -> bool:
    """Tell whether steps ran and the same ones with a mask, which were asked for, did not.

    Args:
        row: Of a contender whose steps can have masks.
        ratio: The column of what a mask adds to these steps.
    """
    asked = "masked_steps" in (row.get("metrics") or ())
    return asked and row.get("status") == "ok" and row.get(ratio) is None
