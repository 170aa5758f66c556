"""Up to which length a variant goes: the registry's fact, in lengths of rows and of data."""

from datamodules.lengths import LengthDistribution
from lightning_modules.variants import VARIANTS
from profiling.analysis.points.axes import SECONDS, axis_of, on_axis, shown, unit_of
from profiling.rows.columns import Row


def maximum_of(modality: str, variant: str) -> int | None:
    """Return the longest length of a sweep that a variant takes; None where it takes any."""
    registered = VARIANTS.get(modality, {}).get(variant)
    return registered.maximum_length if registered else None


def maximum_on_axis(row: Row) -> float | None:
    """Return that of a tipping point row's efficient side, on the axis of the row."""
    longest = maximum_of(str(row["modality"]), str(row["efficient"]))
    return None if longest is None else on_axis(longest, row)


def maximum_text(row: Row) -> str:
    """Return that with its unit, such as "30 s"; empty where it takes any length."""
    longest = maximum_on_axis(row)
    if longest is None:
        return ""
    unit = unit_of(row)
    return f"{shown(longest, row):,.0f} {'s' if unit == SECONDS else unit}"


def maximum_words(modality: str, variant: str) -> str:
    """Return the same of a variant, on the axis of its pair."""
    return maximum_text(
        {"modality": modality, "efficient": variant, "axis": axis_of(modality, variant)}
    )


def share_taken(data: LengthDistribution, modality: str, variant: str, shortest: float) -> float:
    """Return the share of samples of at least a length that a variant takes, between 0 and 1.

    Args:
        data: Lengths in those of a sweep.
        modality: Of the variant.
        variant: Its name.
        shortest: The length.
    """
    longest = maximum_of(modality, variant)
    beyond = 0.0 if longest is None else data.share_beyond(max(longest + 1, shortest))
    return data.share_beyond(shortest) - beyond
