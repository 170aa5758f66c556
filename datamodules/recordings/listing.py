"""Listing the recordings of a source, with their lengths from headers."""

from collections import Counter
from pathlib import Path

from datamodules.bad_samples import BadSamples
from datamodules.errors import BadSampleError, DataError, opening, shown
from datamodules.files.fingerprints import Stamp, stamp_file
from datamodules.files.names import read_names, split_line
from datamodules.recordings.headers import read_length
from datamodules.recordings.layouts import resolve_layout, survey_audio
from datamodules.recordings.recording import Recording, collect, long_enough
from datamodules.sampling import Sampling


def list_recordings(
    source: str, layout: str, bad_samples: BadSamples, sampling: Sampling | None = None
) -> list[Recording]:
    """List the recordings of a source, in a fixed order, decoding nothing.

    Args:
        source: Where they are.
        layout: Kind of `source`.
        bad_samples: Stops at a damaged one, or skips it and counts it.
        sampling: Which of them are looked at, and who hears of it; None looks at all.
    """
    sampling = sampling or Sampling()
    if layout == "datasets":
        from datamodules.recordings.datasets_source import list_rows

        return list_rows(source, bad_samples, sampling)
    path, layout = resolve_layout(source, layout)
    if layout == "manifest":
        lines = sampling.choose(_manifest_lines(path))
        return _distinct(collect(lines, _parse_line, bad_samples), path)
    found = survey_audio(path, layout)
    bad_samples.take(found, shown(path))
    files = sampling.follow(sampling.choose(found.files))
    return collect(files, lambda file: read_header(file, path), bad_samples)


def list_paths(source: str, layout: str) -> list[Path]:
    """Return the manifest, if there is one, and all audio files, opening none of them.

    What cannot be looked into, and lines of a manifest that name no file, are left out.

    Args:
        source: Where they are.
        layout: Kind of `source`; `datasets` has no files of recordings.
    """
    path, layout = resolve_layout(source, layout)
    if layout != "manifest":
        return survey_audio(path, layout).files
    named = [(folder, split_line(line)) for _, _, folder, line in _manifest_lines(path)]
    return [path, *(folder / found[0] for folder, found in named if found is not None)]


def stamp_source(source: str, layout: str) -> list[Stamp]:
    """Return what changes when recordings of a source come, go or change, decoding nothing."""
    if layout == "datasets":
        from datamodules.recordings.datasets_source import stamp_rows

        return stamp_rows(source)
    return [stamp_file(path) for path in list_paths(source, layout)]


def _manifest_lines(path: Path) -> list[tuple[Path, int, Path, str]]:
    """Return manifest, line number, root folder and text of every line after the first.

    Only a line feed ends a line: whatever else some programs take for an end may be in a name.
    """
    try:
        root, *lines = read_names(path).split("\n")
        if not root:
            raise ValueError("it is empty")
    except (OSError, ValueError) as error:
        raise DataError(
            f"`source` {path} is not a manifest: a text file whose first line is the root folder "
            "and the others `path<TAB>samples`"
        ) from error
    if "\t" in root.strip():
        raise DataError(f"the first line of manifest {path} must be the root folder, got {root!r}")
    # A relative root is meant from the manifest, wherever a command is run.
    with opening(f"root folder {shown(root.strip())} of manifest {path}"):
        folder = path.parent / Path(root.strip()).expanduser()
    return [(path, number, folder, line) for number, line in enumerate(lines, 2) if line.strip()]


def _distinct(recordings: list[Recording], manifest: Path) -> list[Recording]:
    """Return them if each has a name of its own: labels and transcripts go by names."""
    names = [recording.name for recording in recordings]
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise DataError(
            f"manifest {manifest} must name every recording once, got {shown(twice)} again"
        )
    return recordings


def _parse_line(entry: tuple[Path, int, Path, str]) -> Recording:
    manifest, number, folder, line = entry
    found = split_line(line)
    if found is None:
        raise BadSampleError(
            f"line {number} of manifest {manifest} must be `path<TAB>samples`, got {line[:80]!r}"
        )
    name, num_samples = found
    return long_enough(Recording(folder / name, num_samples, name))


def read_header(path: Path, source: Path) -> Recording:
    """Read the length of an audio file; its name is the path from `source` on.

    Raises:
        BadSampleError: It is damaged, or too short for a frame.
    """
    num_samples = read_length(path, path)
    return long_enough(Recording(path, num_samples, path.relative_to(source).as_posix()))
