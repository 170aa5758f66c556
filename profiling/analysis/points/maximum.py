"""What share of data a variant takes from some length on, and up to which length it goes."""

from math import ceil

from datamodules.lengths import LengthDistribution
from datamodules.modality import find_modality
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

    Images count with the side that a model gets, which is rounded up.

    Args:
        data: Lengths in those of a sweep.
        modality: Of the variant.
        variant: Its name.
        shortest: The length.
    """
    shortest = _first_rounded_to(data.modality, shortest)
    longest = maximum_of(modality, variant)
    beyond = 0.0 if longest is None else data.share_beyond(max(longest + 1, shortest))
    return data.share_beyond(shortest) - beyond


def rounding_words(modality: str) -> str:
    """Say how lengths of data count in `share_taken`; empty where they count as they are."""
    multiple = find_modality(modality).multiple
    return f"rounded up to a multiple of {multiple}" if multiple > 1 else ""


def _first_rounded_to(modality: str, length: float) -> float:
    """Return the smallest length of data that a model gets as at least this one."""
    multiple = find_modality(modality).multiple
    return length if multiple == 1 else multiple * (ceil(length / multiple) - 1) + 1
