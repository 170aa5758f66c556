"""Opening texts and tokenizers, from files or, when a hub name is given, from the hub."""

import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from datamodules.errors import DataError
from datamodules.files.datasets_hub import load_split, local_path
from datamodules.files.fingerprints import fingerprint_of
from datamodules.modalities.text_files import READERS, check_column, write_column
from datamodules.nesting import parse_json


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
    check_column(dataset.column_names, text_column, source)
    kind = getattr(dataset.features[text_column], "dtype", "list")
    if kind not in ("string", "large_string"):
        raise DataError(f"`text_column` {text_column} of {source} must hold strings, got {kind}")
    return dataset.select_columns([text_column])


def _load_file(path: Path, text_column: str, split: str) -> Any:
    if path.suffix.lower() not in READERS:
        raise DataError(
            f"`source` must be a hub name or a file ending in {', '.join(READERS)}, got {path}"
        )
    if not path.is_file():
        raise DataError(f"`source` file {path} does not exist")
    if not path.stat().st_size:
        raise DataError(f"`source` file {path} is empty")
    with TemporaryDirectory(prefix="tipping-point-") as cache:
        texts = Path(cache, "texts.parquet")
        write_column(path, text_column, texts)
        return load_split(
            str(path),
            "parquet",
            data_files=glob.escape(str(texts.resolve())),
            split=split,
            cache_dir=cache,
            keep_in_memory=True,
        )


def load_tokenizer(name: str) -> Any:
    """Load a tokenizer, given a mask and a padding token if it has none.

    Raises:
        DataError: no such tokenizer, or one that brings code of its own.
    """
    path = local_path(name, "tokenizer")
    if path is not None and not path.is_dir():
        raise DataError(f"`tokenizer` must be a hub name or a folder, {path} is not a folder")
    try:
        tokenizer = _load_hub_tokenizer(name) if path is None else _load_folder(path)
        tokenizer("a")  # some that load cannot be used, and only say so here
    except Exception as error:  # the library has no class of its own for damaged files
        raise DataError(f"`tokenizer` {name} cannot be loaded: {_reason_of(error)}") from error
    missing = {
        kind: token
        for kind, token in {"mask_token": "[MASK]", "pad_token": "[PAD]"}.items()
        if getattr(tokenizer, kind) is None
    }
    if missing:
        tokenizer.add_special_tokens(missing)
    return tokenizer


# Without `trust_remote_code` the library would ask on the terminal whether to run what a tokenizer
# brings along.
def _load_hub_tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name, trust_remote_code=False)


def _load_folder(path: Path) -> Any:
    from transformers import AutoTokenizer, BertTokenizer

    is_bare = not any((path / name).exists() for name in ("config.json", "tokenizer_config.json"))
    if is_bare and (path / "vocab.txt").exists():  # only BERT keeps its vocabulary in this file
        return BertTokenizer.from_pretrained(path)
    return AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)


def _reason_of(error: Exception) -> str:
    """Return in one line why a tokenizer cannot be loaded."""
    if "trust_remote_code" in str(error):  # the library advises to run the code
        return "it brings code of its own, which is never run; take one that transformers has"
    return str(error).strip().split("\n")[0] or type(error).__name__


def hash_tokenizer(tokenizer: Any) -> str:
    """Return a short text that changes with what a tokenizer makes of texts, however it is called.

    A name on the hub may stand for another revision tomorrow.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:  # one that is written in Python
        content = {"vocabulary": tokenizer.get_vocab(), "settings": tokenizer.init_kwargs}
    else:
        # Every call sets truncation and padding anew.
        content = parse_json(backend.to_str()) | {"truncation": None, "padding": None}
    return fingerprint_of({"class": type(tokenizer).__name__, **content})
