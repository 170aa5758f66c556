"""Opening texts and tokenizers, from files or, when a hub name is given, from the hub."""

import csv
import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datamodules.errors import DataError
from datamodules.files.datasets_hub import BUILDERS, load_split, local_path
from datamodules.libraries import needed


def load_texts(source: str, text_column: str, split: str, subset: str | None) -> Any:
    """Load one column of strings as a `datasets.Dataset`.

    A local file is read anew every time, through a cache that lives as long as the reading, and
    kept in memory; a hub data set uses the usual cache of `datasets`.

    Raises:
        DataError: no such data, or no such column of strings.
    """
    path = local_path(source)
    if path is None:
        dataset = load_split(source, source, name=subset, split=split)
    else:
        dataset = _load_file(path, text_column, split)
    _check_column(dataset.column_names, text_column, source)
    kind = getattr(dataset.features[text_column], "dtype", "list")
    if kind not in ("string", "large_string"):
        raise DataError(f"`text_column` {text_column} of {source} must hold strings, got {kind}")
    return dataset.select_columns([text_column])


def _load_file(path: Path, text_column: str, split: str) -> Any:
    builder = BUILDERS.get(path.suffix.lower())
    if builder is None:
        raise DataError(
            f"`source` must be a hub name or a file ending in {', '.join(BUILDERS)}, got {path}"
        )
    if not path.is_file():
        raise DataError(f"`source` file {path} does not exist")
    if not path.stat().st_size:
        raise DataError(f"`source` file {path} is empty")
    options = _csv_options(path, text_column) if builder == "csv" else {}
    with TemporaryDirectory(prefix="tipping-point-") as cache:
        return load_split(
            str(path),
            builder,
            data_files=glob.escape(str(path.resolve())),
            split=split,
            cache_dir=cache,
            keep_in_memory=True,
            **options,
        )


def _csv_options(path: Path, text_column: str) -> dict[str, Any]:
    with needed("datasets", "reading a table"):
        import datasets

    dialect: dict[str, Any] = {"sep": ","}
    if path.suffix.lower() == ".tsv":  # tabs need no quotes, and texts hold lone ones
        dialect = {"sep": "\t", "quoting": csv.QUOTE_NONE}
    _check_column(_check_table(path, dialect), text_column, str(path))
    # One typed column alone: others may change their type half way, and "NA" is a word.
    return {
        **dialect,
        "usecols": [text_column],
        "index_col": False,  # or one field too many in every row would move them all by one
        "features": datasets.Features({text_column: datasets.Value("string")}),
        "keep_default_na": False,
    }


def _check_table(path: Path, dialect: dict[str, Any]) -> list[str]:
    """Return the names of the columns; refuse a row with more fields than names.

    The reader would drop the fields that are too many, and with them the end of a text that holds
    a comma.
    """
    quoting = dialect.get("quoting", csv.QUOTE_MINIMAL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, delimiter=dialect["sep"], quoting=quoting)
            columns = next(rows)
            for row in rows:
                if any(row[len(columns) :]):
                    raise DataError(
                        f"`source` file {path} must have {len(columns)} fields in line "
                        f"{rows.line_num}, as in its first line, got {len(row)}"
                    )
    except (StopIteration, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"`source` file {path} is not a table of text") from error
    return columns


def _check_column(columns: list[str], text_column: str, source: str) -> None:
    if text_column not in columns:
        raise DataError(
            f"`text_column` must be a column of {source}, one of {', '.join(sorted(columns))}, "
            f"got {text_column!r}"
        )


def load_tokenizer(name: str) -> Any:
    """Load a tokenizer, given a mask and a padding token if it has none.

    Raises:
        DataError: no such tokenizer.
    """
    path = local_path(name)
    if path is not None and not path.is_dir():
        raise DataError(f"`tokenizer` must be a hub name or a folder, {path} is not a folder")
    try:
        tokenizer = _load_hub_tokenizer(name) if path is None else _load_folder(path)
        tokenizer("a")  # some that load cannot be used, and only say so here
    except Exception as error:  # the library has no class of its own for damaged files
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(f"`tokenizer` {name} cannot be loaded: {reason}") from error
    missing = {
        kind: token
        for kind, token in {"mask_token": "[MASK]", "pad_token": "[PAD]"}.items()
        if getattr(tokenizer, kind) is None
    }
    if missing:
        tokenizer.add_special_tokens(missing)
    return tokenizer


def _load_hub_tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name)


def _load_folder(path: Path) -> Any:
    from transformers import AutoTokenizer, BertTokenizer

    is_bare = not any((path / name).exists() for name in ("config.json", "tokenizer_config.json"))
    if is_bare and (path / "vocab.txt").exists():  # only BERT keeps its vocabulary in this file
        return BertTokenizer.from_pretrained(path)
    return AutoTokenizer.from_pretrained(path, local_files_only=True)
