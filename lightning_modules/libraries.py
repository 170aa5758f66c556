"""torchaudio, which a part of the models needs: imported where used, refused in one sentence."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

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


def hide_broken_torchaudio() -> None:
    """Let transformers do without a torchaudio that does not fit the torch that is here.

    transformers imports torchaudio wherever it is installed, with every model. If that fails,
    transformers has no models, although none of ours needs torchaudio.
    """
    if "transformers" not in sys.modules:
        sys.meta_path.insert(0, _BeforeTransformers())
        return
    # Lightning has imported it, and had it look for torchaudio: it is to look again.
    _hide_if_broken()
    for find in vars(sys.modules["transformers.utils.import_utils"]).values():
        if hasattr(find, "cache_clear"):
            find.cache_clear()


def _hide_if_broken() -> None:
    try:
        import torchaudio  # noqa: F401
    except Exception:
        # This is how Python marks what is not to be found, by whomever it is asked for.
        sys.modules["torchaudio"] = None  # type: ignore[assignment]


class _BeforeTransformers(MetaPathFinder):
    """Tries torchaudio just before transformers is imported; finds nothing itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "transformers":
            sys.meta_path.remove(self)
            _hide_if_broken()
        return None
