"""The axis of a pair: what its answers count in, where that is not what a sweep counts in.

A sweep of speech counts in frames of 20 ms. A variant whose tokens are longer meets its vanilla one
at the same audio, so that their answers count in samples of audio, which readers see as seconds.
"""

from collections.abc import Callable
from typing import Any

from datamodules.geometry import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ, frames_for_samples
from datamodules.modality import MODALITIES
from lightning_modules.variants import VARIANTS
from profiling.rows.columns import Row

SECONDS = "seconds"
# What a tipping point row says on its axis, beside the `length` of its `lengths`.
PLACES = (
    *("tipping_point", "ci_low", "ci_high", "length_before", "longest_measured", "proven_from"),
)


def axis_of(modality: str, *variants: str) -> str:
    """Return the column on which variants are compared: a sweep's, unless one has its own."""
    known = MODALITIES.get(modality)
    registered = VARIANTS.get(modality, {})
    own = (registered[name].axis for name in variants if name in registered)
    usual = known.axis if known else "sequence_length"
    return next((axis for axis in own if axis), usual)


def axis_unit(modality: str) -> str:
    """Return the unit in which a sweep of a modality counts, in the words of a chart."""
    known = MODALITIES.get(modality)
    return known.axis_unit if known else ""


def row_length(row: Row) -> int | None:
    """Return a measurement's length as its sweep counts it, None where it has none."""
    modality = str(row.get("modality"))
    axis = axis_of(modality, str(row.get("variant")))
    length = row.get(axis)
    if not isinstance(length, int) or isinstance(length, bool):
        return None
    length = frames_for_samples(length) if _counts_audio(modality, axis) else length
    return length if length > 0 else None


def unit_of(row: Row) -> str:
    """Return in what readers see the lengths of a tipping point row."""
    modality = str(row.get("modality"))
    return SECONDS if _counts_audio(modality, row.get("axis")) else axis_unit(modality)


def shown(length: float, row: Row) -> float:
    """Return a length of a tipping point row in its `unit_of`."""
    return length / SAMPLE_RATE_HZ if unit_of(row) == SECONDS else length


def on_axis(length: float, row: Row) -> float:
    """Return a length of a sweep on the axis of a tipping point row."""
    counts_audio = _counts_audio(str(row.get("modality")), row.get("axis"))
    return _samples(length) if counts_audio else length


def on_own_axis(row: dict[str, Any]) -> dict[str, Any]:
    """Return a tipping point row that counts as a sweep does on the axis of its pair.

    Args:
        row: With that axis as its `axis`.
    """
    if not _counts_audio(str(row["modality"]), row["axis"]):
        return row
    return dict(_moved(row, _samples))


def on_axis_of_sweep(row: Row) -> Row:
    """Return a tipping point row in a sweep's lengths, which charts and data share."""
    modality = str(row.get("modality"))
    if not _counts_audio(modality, row.get("axis")):
        return row
    return {**_moved(row, _frames), "axis": MODALITIES[modality].axis}


def search_on_axis_of_sweep(row: Row) -> Row:
    """Return a search of the frontier in a sweep's lengths, in which readers compare variants."""
    modality = str(row.get("modality"))
    if not _counts_audio(modality, row.get("searched")):
        return row
    found = {name: row.get(name) for name in ("feasible", "infeasible")}
    lengths = {n: None if v is None else frames_for_samples(v) for n, v in found.items()}
    return {**row, **lengths, "searched": MODALITIES[modality].axis}


def _counts_audio(modality: str, axis: object) -> bool:
    known = MODALITIES.get(modality)
    return known is not None and known.is_audio and axis == "input_size"


def _moved(row: Row, convert: Callable[[Any], Any]) -> Row:
    places = {name: None if row[name] is None else convert(row[name]) for name in PLACES}
    lengths = [item | {"length": convert(item["length"])} for item in row["lengths"]]
    return {**row, **places, "lengths": lengths}


def _samples(frames: float) -> float:
    """Return the audio of frames, also of parts of one; whole numbers stay whole."""
    return FRAME_SAMPLES + HOP_SAMPLES * (frames - 1)


def _frames(samples: float) -> float:
    frames = (samples - FRAME_SAMPLES) / HOP_SAMPLES + 1
    return round(frames) if isinstance(samples, int) else frames
