"""Audio and transcripts of `datasets`: a folder it saved, or a name on its hub.

Audio is taken as bytes and decoded by soundfile: the decoder of `datasets` wants ffmpeg.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from datamodules.bad_samples import BadSamples
from datamodules.errors import BadSampleError, DataError, reading
from datamodules.files.datasets_hub import open_rows
from datamodules.files.fingerprints import Stamp, fingerprint_of, stamp_file
from datamodules.files.length_cache import Lengths, cached_lengths
from datamodules.libraries import needed
from datamodules.recordings.headers import read_length
from datamodules.recordings.recording import Recording, collect, long_enough
from datamodules.sampling import Sampling

TEXT_COLUMNS = ("text", "sentence", "transcription", "transcript")
UNREADABLE = 0  # stands in the place of a length: the header is read again, for the message


@dataclass(frozen=True)
class RowAudio:
    """Opens the audio of a row; a loader process gets the place of the table, not its content."""

    rows: Any
    column: str
    row: int

    def __call__(self) -> BinaryIO | Path:
        """Return the bytes as a file, or the path where the row has only that.

        Raises:
            FileNotFoundError: There is neither.
        """
        audio = self.rows[self.row][self.column]
        if audio is not None and audio["bytes"] is not None:
            return io.BytesIO(audio["bytes"])
        if audio is None or audio["path"] is None or not Path(audio["path"]).is_file():
            raise FileNotFoundError("the row has neither bytes nor a file")
        return Path(audio["path"])


def list_rows(
    source: str, bad_samples: BadSamples, sampling: Sampling | None = None
) -> list[Recording]:
    """List the rows of a data set, lengths from the headers, which are read once.

    Where samples are drawn, their headers alone are read, and not kept.

    Raises:
        DataError: There is no such data set, or it has no audio.
        BadSampleError: A row is damaged.
    """
    sampling = sampling or Sampling()
    rows, column = _open_audio(source)
    names = _names(rows, column)
    chosen = sampling.draw(len(names))
    audio = rows.select_columns([column])  # reading a row decodes all its columns
    openers = [RowAudio(audio, column, row) for row in range(len(names))]
    paths = [Path(source, name) for name in names]
    if len(chosen) == len(names):
        key = _key(rows, column)
        lengths = cached_lengths(key, len(rows), lambda: _measure(openers, paths, sampling))
    else:
        openers = [openers[row] for row in chosen]
        paths = [paths[row] for row in chosen]
        names = [names[row] for row in chosen]
        lengths = _measure(openers, paths, sampling)

    def make(row: int) -> Recording:
        length = int(lengths[row])
        if length == UNREADABLE:
            length = _measure_one(openers[row], paths[row])
        return long_enough(Recording(paths[row], length, names[row], openers[row]))

    return collect(range(len(names)), make, bad_samples)


def read_texts(source: str) -> dict[str, str]:
    """Read the transcripts of a data set.

    Returns:
        Text by `Recording.name`, without rows that have none.

    Raises:
        DataError: It has no column of them.
    """
    rows, audio_column = _open_audio(source)
    names = [column for column in TEXT_COLUMNS if column in rows.column_names]
    if not names:
        raise DataError(
            f"`source` {source} must have a column of transcripts, one of "
            f"{', '.join(TEXT_COLUMNS)}, got {', '.join(sorted(rows.column_names))}"
        )
    texts = zip(_names(rows, audio_column), rows[names[0]], strict=True)
    return {name: str(text) for name, text in texts if text is not None}


def stamp_rows(source: str) -> list[Stamp]:
    """Return what changes with the audio of a data set, be it a folder, a file or a hub name.

    What `datasets` reads of a file or a hub name is a copy that this machine made, and when it did
    so does not count.

    Raises:
        DataError: There is no such data set, or it has no audio.
    """
    rows, column = _open_audio(source)
    path = Path(source).expanduser()
    if path.is_file():
        return [stamp_file(path), *map(stamp_file, _named_files(rows, column))]
    return _stamps(rows, column) if path.is_dir() else [_stamp_content(rows)]


def _open_audio(source: str) -> tuple[Any, str]:
    """Return a data set whose audio is not decoded, and the column of its audio."""
    with needed("datasets", "`layout` datasets"):
        import datasets

    rows = open_rows(source)
    columns = [name for name, kind in rows.features.items() if isinstance(kind, datasets.Audio)]
    if not columns:
        raise DataError(
            f"`source` {source} must have a column of audio, got {', '.join(rows.column_names)}"
        )
    column = "audio" if "audio" in columns else columns[0]
    return rows.cast_column(column, datasets.Audio(decode=False)), column


def _names(rows: Any, column: str) -> list[str]:
    """Return the names of the audio files, or the numbers of the rows where they are not unique."""
    import pyarrow.compute  # type: ignore[import-untyped]

    table = rows.with_format("arrow")[:]
    paths = pyarrow.compute.struct_field(table[column], "path").to_pylist()
    names = [Path(path or "").name for path in paths]
    if "" in names or len(set(names)) < len(names):
        return [f"{row:08d}" for row in range(len(names))]
    return names


def _key(rows: Any, column: str) -> str:
    return fingerprint_of({"column": column, "unit": "samples"}, _stamps(rows, column))


def _stamps(rows: Any, column: str) -> list[Stamp]:
    """Return stamps of the rows, of the files that hold them, and of those that they name."""
    tables = [Path(file["filename"]) for file in rows.cache_files]
    files = map(stamp_file, (*tables, *_named_files(rows, column)))
    return [_stamp_content(rows), *files]


def _stamp_content(rows: Any) -> Stamp:
    return (f"rows {rows._fingerprint}", 0, 0)


def _named_files(rows: Any, column: str) -> list[Path]:
    """Return the audio files outside the rows, which have no more of them than the path."""
    import pyarrow.compute

    audio = rows.with_format("arrow")[:][column]
    content, paths = (pyarrow.compute.struct_field(audio, name) for name in ("bytes", "path"))
    is_outside = pyarrow.compute.and_(content.is_null(), paths.is_valid())
    return [Path(path) for path in paths.filter(is_outside).to_pylist()]


def _measure(openers: list[RowAudio], paths: list[Path], sampling: Sampling) -> Lengths:
    return np.fromiter(_lengths(openers, paths, sampling), np.int32, len(paths))


def _lengths(openers: list[RowAudio], paths: list[Path], sampling: Sampling) -> Iterator[int]:
    for opener, path in sampling.follow(list(zip(openers, paths, strict=True))):
        try:
            yield _measure_one(opener, path)
        except BadSampleError:
            yield UNREADABLE


def _measure_one(opener: RowAudio, path: Path) -> int:
    with reading("audio file", path):
        return read_length(opener(), path)
