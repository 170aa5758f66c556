"""Opening data sets through `datasets`: files here, or a name on its hub."""

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datamodules.errors import DataError
from datamodules.files.finding import find_place
from datamodules.libraries import needed

TABLE_KINDS = {".arrow": "arrow", ".parquet": "parquet"}  # by ending, as `load_dataset` calls them
ENDINGS = (*TABLE_KINDS, ".csv", ".json", ".jsonl", ".tsv", ".txt")  # no hub name has one


def local_path(name: str, setting: str = "source") -> Path | None:
    """Return the path when `name` is a file or folder here, or can only have been meant so.

    Args:
        name: The path, or a name on the hub.
        setting: What messages call it.

    Raises:
        DataError: One may not look whether it is there.
    """
    path = find_place(name, setting)
    is_path = name.startswith(("/", ".", "~")) or name.count("/") > 1
    # A hub name may have a slash too, but no folder here is called like its owner.
    is_near = "/" in name and path.parent.is_dir()
    is_file = path.suffix.lower() in ENDINGS
    return path if is_path or is_near or is_file or path.exists() else None


def open_rows(source: str, setting: str = "source") -> Any:
    """Open one split as a `datasets.Dataset`: a file, a folder that it saved, or a hub name.

    Args:
        source: A `.parquet` or `.arrow` file, a folder of `save_to_disk`, or on the hub `name` or
            `name:config:split`.
        setting: What messages call it.

    Raises:
        DataError: It cannot be read.
    """
    with needed("datasets", "reading a table or a hub name"):
        import datasets

    path = local_path(source, setting)
    if path is None:
        name, subset, split = _parse_name(source, setting)
        return load_split(source, name, setting=setting, name=subset, split=split)
    kind = TABLE_KINDS.get(path.suffix.lower())
    if kind is not None and not path.is_dir():
        if not path.is_file():
            raise DataError(f"`{setting}` file {path} does not exist")
        file = glob.escape(str(path.resolve()))
        return load_split(source, kind, setting=setting, data_files=file, split="train")
    try:
        rows = datasets.load_from_disk(path)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"`{setting}` of `datasets` must be a folder saved by save_to_disk or a hub name, got "
            f"{source}"
        ) from error
    if isinstance(rows, datasets.DatasetDict):
        raise DataError(
            f"`{setting}` {source} must be one split, a folder in it, one of {', '.join(rows)}"
        )
    return _without_format(rows)


def _without_format(rows: Any) -> Any:
    """Return rows as values of Python, with all columns: a folder keeps the format of its writer.

    They keep the fingerprint that their lengths and labels are known by: a format is no content.
    """
    plain = rows.with_format(None)
    plain._fingerprint = rows._fingerprint
    return plain


def is_table(source: str, setting: str = "source") -> bool:
    """Return whether a source is a file or folder of `datasets`, or says that it is on the hub.

    A name alone does not: it may be that of a folder which is missing.
    """
    path = local_path(source, setting)
    if path is None:
        return ":" in source
    saved = ("state.json", "dataset_dict.json")
    return path.suffix.lower() in TABLE_KINDS or any((path / name).exists() for name in saved)


def _parse_name(source: str, setting: str) -> tuple[str, str | None, str]:
    name, *rest = source.split(":")
    if not rest:
        return name, None, "train"
    if len(rest) != 2 or not rest[1]:
        raise DataError(
            f"`{setting}` of `datasets` must be a hub name or name:config:split, got {source}"
        )
    return name, rest[0] or None, rest[1]


def load_split(source: str, builder: str, *, setting: str = "source", **options: Any) -> Any:
    """Call `datasets.load_dataset`, showing no progress.

    Args:
        source: The name that messages have for the data.
        builder: A name on the hub, or a kind of file, such as `csv`.
        setting: What messages call it.
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
        raise DataError(f"`{setting}` {source} holds no samples") from error
    except Exception as error:  # what reads a table raises errors of many classes
        reason = str(error.__cause__ or error).strip().split("\n")[0]
        raise DataError(f"`{setting}` {source} cannot be read: {reason}") from error


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
