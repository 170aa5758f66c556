"""Files of centroids: ours, and those of others, which say nothing of the features they are for."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from lightning_modules.errors import ModelError

TENSOR, FINGERPRINT = "centroids", "fingerprint"
TENSORS = (TENSOR, "cluster_centers_")  # as scikit-learn calls them
NUMPY_MAGIC = b"\x93NUMPY"
# How files begin that joblib, pickle and torch write, plain or compressed: what loads them runs
# whatever code they hold.
PICKLE_MAGICS = (b"\x80", b"PK", b"ZF", b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x04\x22\x4d")
EXPECTED = (
    "a kmeans.safetensors of `python train.py labels`, or centroids of others in a .npy, or in a "
    ".safetensors as `centroids`"
)


def read_centroids(path: Path) -> tuple[NDArray[np.float32], str | None]:
    """Read centroids.

    Args:
        path: A file of safetensors with the tensor `centroids` or `cluster_centers_`, or a file of
            NumPy's.

    Returns:
        (clusters, size), and what identifies their features, None in a file of others.

    Raises:
        ModelError: The file is missing, damaged, or a pickle, or holds something else.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(len(NUMPY_MAGIC))
    except OSError as error:
        raise _wrong(path) from error
    if beginning == NUMPY_MAGIC:
        return _checked(_read_numpy(path), path), None
    if beginning.startswith(PICKLE_MAGICS) and not _is_safetensors(path):
        raise ModelError(
            f"`kmeans` {path} is a pickle, as joblib writes, which may run any code when it is "
            'loaded: where you trust it, convert it by `numpy.save("kmeans.npy", '
            f'joblib.load("{path.name}").cluster_centers_)` and give kmeans.npy'
        )
    centroids, fingerprint = _read_safetensors(path)
    return _checked(centroids, path), fingerprint


def read_fit(path: Path, names: Iterable[str]) -> dict[str, int]:
    """Read with which settings the k-means of a run was fitted; without those that it does not say.

    Args:
        path: A file that a run wrote.
        names: The settings.

    Raises:
        ModelError: The file is missing or damaged.
    """
    if not _is_safetensors(path):
        return {}
    try:
        with safe_open(path, "numpy") as file:
            known = set(file.keys()) & set(names)
            return {name: int(file.get_tensor(name).item()) for name in sorted(known)}
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise _wrong(path) from error


def _read_numpy(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _wrong(path) from error


def _is_safetensors(path: Path) -> bool:
    """Return whether a file can be opened as such: the first bytes are a length, of any value."""
    try:
        with safe_open(path, "numpy"):
            return True
    except (OSError, SafetensorError):
        return False


def _read_safetensors(path: Path) -> tuple[Any, str | None]:
    try:
        with safe_open(path, "numpy") as file:
            (name,) = set(file.keys()) & set(TENSORS)
            return file.get_tensor(name), (file.metadata() or {}).get(FINGERPRINT)
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise _wrong(path) from error


def _checked(centroids: Any, path: Path) -> NDArray[np.float32]:
    """Return centroids as float32.

    Raises:
        ModelError: They are no finite numbers, or no table of them.
    """
    shape = tuple(np.shape(centroids))
    is_table = len(shape) == 2 and all(shape) and centroids.dtype.kind in "fiu"
    if not is_table or not np.isfinite(centroids).all():
        raise ModelError(
            f"`kmeans` {path} must hold centroids, finite numbers (clusters, features), got "
            f"{centroids.dtype} of shape {shape}"
        )
    return np.ascontiguousarray(centroids, dtype=np.float32)


def _wrong(path: Path) -> ModelError:
    return ModelError(f"`kmeans` must be {EXPECTED}, got {path}")
