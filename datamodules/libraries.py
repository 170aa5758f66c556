"""Libraries that only a part of the project needs: imported where used, refused in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from datamodules.errors import DataError

# What to do about each of them. torchaudio names no torch version, so no resolver can say it.
REMEDIES = {
    "datasets": "install it with `pip install datasets`",
    "jsonargparse": "install it with `pip install 'jsonargparse[signatures]'`",
    "soundfile": "install it with `pip install soundfile`",
    "torchaudio": "torchaudio 2.11.0 goes with torch 2.11.0 (and torchvision 0.26.0) to torch "
    "2.14.1 (and torchvision 0.29.2)",
}


@contextmanager
def needed(library: str, purpose: str) -> Iterator[None]:
    """Turn a failing import, the only statement in this context, into one sentence for the user.

    Args:
        library: A key of REMEDIES.
        purpose: What needs the library, as the sentence begins.

    Raises:
        DataError: The library is not installed, or does not fit the torch that is here.
    """
    try:
        yield
    except Exception as problem:  # each library fails in its own way
        raise DataError(
            f"{purpose} needs {library}, {_reason(library)}: {REMEDIES[library]}"
        ) from (problem)


def _reason(library: str) -> str:
    version = _version(library)
    if version is None:
        return "which is not installed"
    return f"but {library} {version} cannot be imported beside torch {_version('torch')}"


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None
