"""A recording, before anything of it is decoded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

from datamodules.bad_samples import BadSamples
from datamodules.errors import BadSampleError, shown
from datamodules.geometry import FRAME_SAMPLES, SAMPLE_RATE_HZ

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Recording:
    """A recording of a source.

    Args:
        path: The audio file; for audio that is no file, a path that messages call it by.
        num_samples: Length in audio samples at 16 kHz.
        name: Its name within the source.
        opener: Opens audio that is no file; picklable.
    """

    path: Path
    num_samples: int
    name: str = ""
    opener: Callable[[], BinaryIO | Path] | None = field(default=None, compare=False)

    def open(self) -> BinaryIO | Path:
        """Return the path or the opened file that a library for audio reads."""
        return self.path if self.opener is None else self.opener()


def long_enough(recording: Recording) -> Recording:
    """Return a recording that has at least a frame.

    Raises:
        BadSampleError: It is shorter.
    """
    if recording.num_samples < FRAME_SAMPLES:
        raise BadSampleError(
            f"audio file {shown(recording.path)} must have at least {FRAME_SAMPLES} samples at "
            f"{SAMPLE_RATE_HZ} Hz, one frame, got {recording.num_samples}",
            "shorter than a frame",
            recording.path.suffix.lower(),
        )
    return recording


def collect(
    entries: Iterable[Entry], make: Callable[[Entry], Recording], bad_samples: BadSamples
) -> list[Recording]:
    """Make recordings of entries; bad ones stop the listing or are left out."""
    recordings = []
    for entry in entries:
        try:
            recordings.append(make(entry))
        except BadSampleError as error:
            bad_samples.handle(error)
    return recordings
