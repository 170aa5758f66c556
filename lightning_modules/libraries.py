"""torchaudio, which a part of the models needs: imported where used, refused in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from lightning_modules.errors import ModelError


@contextmanager
def torchaudio_needed(purpose: str) -> Iterator[None]:
    """Turn a failing import of torchaudio into one sentence for the user.

    Args:
        purpose: What needs torchaudio, as the sentence begins.

    Raises:
        ModelError: torchaudio is not installed, or does not fit the torch that is here.
    """
    try:
        yield
    except Exception as problem:  # its check of versions has no error class of its own
        raise ModelError(
            f"{purpose} needs torchaudio, which cannot be imported beside torch "
            f"{metadata.version('torch')}: torchaudio 2.11.0 goes with torch 2.11.0 (and "
            "torchvision 0.26.0) to torch 2.14.1 (and torchvision 0.29.2)"
        ) from problem
