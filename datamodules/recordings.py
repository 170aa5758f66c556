"""Finding audio files, reading their lengths from headers, and decoding them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import torch
from torch import Tensor

from datamodules.audio_headers import read_length, resampled_length, unreadable
from datamodules.errors import BadSampleError, DataError
from datamodules.files import find_files, resolve_source
from datamodules.geometry import FRAME_SAMPLES, SAMPLE_RATE_HZ
from datamodules.real import BadSamples

Entry = TypeVar("Entry")
LAYOUTS = ("auto", "datasets", "folder", "librispeech", "manifest")
SUFFIXES = (".flac", ".mp3", ".ogg", ".wav")
# speaker-chapter-utterance, wherever in the tree of subset/speaker/chapter `source` begins
LIBRISPEECH_NAME = re.compile(r"\d+-\d+-\d+\.flac")


@dataclass(frozen=True)
class Recording:
    """A recording of a source.

    Args:
        path: The audio file; of one that is no file, what messages call it.
        num_samples: Length in samples at 16 kHz.
        name: What it is called within the source.
        opener: Opens one that is no file; picklable.
    """

    path: Path
    num_samples: int
    name: str = ""
    opener: Callable[[], BinaryIO | Path] | None = field(default=None, compare=False)

    def open(self) -> BinaryIO | Path:
        """Return what a library for audio opens."""
        return self.path if self.opener is None else self.opener()


def list_recordings(source: str, layout: str, bad_samples: BadSamples) -> list[Recording]:
    """List the recordings of a source, in a fixed order, decoding nothing."""
    if layout == "datasets":
        from datamodules.datasets_source import list_rows

        return list_rows(source, bad_samples)
    path, layout = resolve_layout(source, layout)
    if layout == "manifest":
        return _distinct(collect(_manifest_lines(path), _parse_line, bad_samples), path)
    files = list_files(path, layout)
    return collect(files, lambda file: read_header(file, path), bad_samples)


def list_paths(source: str, layout: str) -> list[Path]:
    """Return the manifest, if there is one, and all audio files, opening none of them."""
    if layout == "datasets":
        from datamodules.datasets_source import list_tables

        return list_tables(source)
    path, layout = resolve_layout(source, layout)
    if layout != "manifest":
        return list_files(path, layout)
    lines = _manifest_lines(path)
    return [path, *(folder / line.rpartition("\t")[0] for _, _, folder, line in lines)]


def resolve_layout(source: str, layout: str) -> tuple[Path, str]:
    """Return where a source of files is, and what `auto` stands for.

    Raises:
        DataError: It does not exist, or is of another kind.
    """
    path = resolve_source(source)
    if not path.exists():
        raise DataError(f"`source` must be a folder of audio or a manifest, {path} does not exist")
    if layout == "auto":
        layout = "folder" if path.is_dir() else "manifest"
    if path.is_dir() == (layout == "manifest"):
        expected = "file" if layout == "manifest" else "folder"
        raise DataError(f"`source` of layout {layout} must be a {expected}, got {path}")
    return path, layout


def list_files(path: Path, layout: str) -> list[Path]:
    """Return the audio files under a folder, sorted."""
    if layout != "librispeech":
        return find_files(path, SUFFIXES)
    files = [file for file in find_files(path, (".flac",)) if LIBRISPEECH_NAME.fullmatch(file.name)]
    if not files:
        raise DataError(
            f"`source` {path} holds no files named speaker-chapter-utterance.flac, as `layout` "
            "librispeech wants"
        )
    return files


def decode(recording: Recording, num_samples: int, first_sample: int = 0) -> Tensor:
    """Decode `num_samples` 16 kHz samples from one on, mixed to mono, (num_samples,) float32.

    Raises:
        BadSampleError: the file cannot be decoded, or is not as long as it was listed.
    """
    import soundfile

    try:
        with soundfile.SoundFile(recording.open()) as file:
            _check_length(recording, file)
            rate_hz = file.samplerate
            # What is resampled is decoded from its beginning: only there do the grids of both
            # rates meet for every rate.
            skipped = first_sample if rate_hz == SAMPLE_RATE_HZ else 0
            last_sample = first_sample + num_samples
            # A tenth of a second more, so that the resampling filter sees what follows.
            end = min(-(-last_sample * rate_hz // SAMPLE_RATE_HZ) + rate_hz // 10, file.frames)
            file.seek(skipped)
            samples = file.read(end - skipped, dtype="float32", always_2d=True)
            complete = len(samples) == end - skipped
    except (soundfile.SoundFileError, OSError) as error:
        raise unreadable(recording.path, error, recording.opener is None) from error
    if not complete:
        raise BadSampleError(f"audio file {recording.path} is damaged: it ends too early")
    if not np.isfinite(samples).all():
        raise BadSampleError(f"audio file {recording.path} is damaged: it holds NaN or infinity")
    first = first_sample - skipped
    return _resample(torch.from_numpy(samples).mean(1), rate_hz)[first : first + num_samples]


def _check_length(recording: Recording, file: Any) -> None:
    actual = resampled_length(file.frames, file.samplerate)
    if actual != recording.num_samples:
        raise BadSampleError(
            f"audio file {recording.path} must have {recording.num_samples} samples at "
            f"{SAMPLE_RATE_HZ} Hz, as listed, got {actual}"
        )


def _resample(samples: Tensor, rate_hz: int) -> Tensor:
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    from torchaudio.functional import resample

    resampled: Tensor = resample(samples, rate_hz, SAMPLE_RATE_HZ)
    # torchaudio counts in single precision, which is off by some samples for long recordings.
    missing = resampled_length(len(samples), rate_hz) - len(resampled)
    return torch.nn.functional.pad(resampled, (0, missing))


def _manifest_lines(path: Path) -> list[tuple[Path, int, Path, str]]:
    """Return manifest, line number, root folder and text of every line after the first."""
    try:
        root, *lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(
            f"`source` {path} is not a manifest: a text file whose first line is the root folder "
            "and the others `path<TAB>samples`"
        ) from error
    if "\t" in root:
        raise DataError(f"the first line of manifest {path} must be the root folder, got {root!r}")
    # A relative root is meant from the manifest, wherever a command is run.
    folder = path.parent / Path(root.strip()).expanduser()
    return [(path, number, folder, line) for number, line in enumerate(lines, 2) if line.strip()]


def _distinct(recordings: list[Recording], manifest: Path) -> list[Recording]:
    """Return them if each has a name of its own: labels and transcripts go by names."""
    names = [recording.name for recording in recordings]
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise DataError(f"manifest {manifest} must name every recording once, got {twice} again")
    return recordings


def _parse_line(entry: tuple[Path, int, Path, str]) -> Recording:
    manifest, number, folder, line = entry
    name, _, count = line.rstrip().rpartition("\t")
    if not name or not (count.isascii() and count.isdigit()):
        raise BadSampleError(
            f"line {number} of manifest {manifest} must be `path<TAB>samples`, got {line[:80]!r}"
        )
    return long_enough(Recording(folder / name, int(count), name))


def read_header(path: Path, source: Path) -> Recording:
    """Read the length of an audio file; its name is the path from `source` on.

    Raises:
        BadSampleError: It is damaged, or too short for a frame.
    """
    num_samples = read_length(path, path)
    return long_enough(Recording(path, num_samples, path.relative_to(source).as_posix()))


def long_enough(recording: Recording) -> Recording:
    """Return a recording that has at least a frame.

    Raises:
        BadSampleError: It has not.
    """
    if recording.num_samples < FRAME_SAMPLES:
        raise BadSampleError(
            f"audio file {recording.path} must have at least {FRAME_SAMPLES} samples at "
            f"{SAMPLE_RATE_HZ} Hz, one frame, got {recording.num_samples}"
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
