"""Texts of made-up words, and a tokenizer that knows them."""

import json
from collections.abc import Iterable
from pathlib import Path

WORDS = [f"word{number}" for number in range(40)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write_tokenizer(folder: Path, special: Iterable[str] = SPECIAL) -> str:
    """Write the vocabulary of a tokenizer for these words, which come after the special tokens."""
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join([*special, *WORDS]))
    return str(folder)


def make_texts(word_counts: Iterable[int]) -> list[str]:
    """Return texts of so many words, each beginning with another one."""
    return [" ".join(WORDS[(i + j) % 40] for j in range(n)) for i, n in enumerate(word_counts)]


def write_jsonl(path: Path, texts: Iterable[str]) -> str:
    """Write texts as JSON lines, beside a number that is none of theirs."""
    path.write_text("".join(json.dumps({"text": text, "label": 1}) + "\n" for text in texts))
    return str(path)
