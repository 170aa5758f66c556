"""The letters of a model, in the file that transformers' CTC tokenizers read."""

import json
from collections.abc import Sequence
from pathlib import Path

from lightning_modules.errors import ModelError
from lightning_modules.side_files import find_side_file

FILE = "vocab.json"
BLANK_NAME = "<pad>"
BLANK_NAMES = (BLANK_NAME, "[PAD]")  # the other one in files of others


def empty_blank(alphabet: Sequence[str]) -> list[str]:
    """Return an alphabet whose blank is the empty symbol: the first one, whatever it is called.

    So is any other that has the name of a blank in files, which would make it a second blank there.
    """
    return [
        symbol if number and symbol not in BLANK_NAMES else ""
        for number, symbol in enumerate(alphabet)
    ]


def write_vocabulary(alphabet: list[str], folder: Path) -> None:
    """Write what every output stands for; the blank is called `<pad>`."""
    numbers = {symbol or BLANK_NAME: number for number, symbol in enumerate(alphabet)}
    (folder / FILE).write_text(json.dumps(numbers), encoding="utf-8")


def read_vocabulary(checkpoint: str | None) -> list[str] | None:
    """Return the alphabet of a model in a folder or on the hub; None where it has no such file.

    The blank is the empty symbol, wherever it stands: in models of others it may be the last one.
    Where no symbol has the name of a blank, it is the first.

    Raises:
        ModelError: There is no such checkpoint, or the file is damaged.
    """
    if checkpoint is None:
        return None
    try:
        path = find_side_file(checkpoint, FILE)
    except OSError as error:
        raise ModelError(
            f"`checkpoint` must be a folder or hub name of a transformers model, got {checkpoint!r}"
        ) from error
    return None if path is None else _read(path)


def _read(path: Path) -> list[str]:
    try:
        numbers = json.loads(path.read_text(encoding="utf-8"))
        symbols = sorted(numbers, key=numbers.__getitem__)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"`checkpoint` has a {FILE} that is damaged, {path}") from error
    named = ["" if symbol in BLANK_NAMES else symbol for symbol in symbols]
    return named if "" in named else empty_blank(named)
