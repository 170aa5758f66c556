"""Opening data sets through `datasets`: files here, or a name on its hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datamodules.errors import DataError
from datamodules.libraries import needed

ENDINGS = (".csv", ".json", ".jsonl", ".parquet", ".tsv", ".txt")  # no hub name has one


def local_path(name: str) -> Path | None:
    """Return the path when `name` is a file or folder here, or can only have been meant so."""
    path = Path(name).expanduser()
    is_path = name.startswith(("/", ".", "~")) or name.count("/") > 1
    # A hub name may have a slash too, but no folder here is called like its owner.
    is_near = "/" in name and path.parent.is_dir()
    is_file = path.suffix.lower() in ENDINGS
    return path if is_path or is_near or is_file or path.exists() else None


def load_split(source: str, builder: str, **options: Any) -> Any:
    """Call `datasets.load_dataset`, showing no progress.

    Args:
        source: The name that messages have for the data.
        builder: A name on the hub, or a kind of file, such as `csv`.
        options: Further arguments of `load_dataset`.

    Raises:
        DataError: It cannot be read or has no samples, or the library is missing.
    """
    with needed("datasets", "reading a table or a hub name"):
        import datasets

    try:
        with _quietly():
            return datasets.load_dataset(builder, **options)
    except StopIteration as error:
        raise DataError(f"`source` {source} holds no samples") from error
    except Exception as error:  # what reads a table raises errors of many classes
        reason = str(error.__cause__ or error).strip().split("\n")[0]
        raise DataError(f"`source` {source} cannot be read: {reason}") from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Show no progress bars, and report no use of `datasets`: it does so for local files too."""
    import datasets

    were_shown = datasets.is_progress_bar_enabled()
    reported = datasets.config.HF_UPDATE_DOWNLOAD_COUNTS
    datasets.disable_progress_bars()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    try:
        yield
    finally:
        datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = reported
        if were_shown:
            datasets.enable_progress_bars()
