"""Prose that counts things says one sample, and two samples."""

import ast
import re
from pathlib import Path

import pytest

from datamodules.counted import counted, counted_of

ROOT = Path(__file__).parents[2]
PACKAGES = ("datamodules", "lightning_modules", "profiling")
# Of a plain count in a sentence, such as "{len(rows)} rows". A name in capitals is a constant.
PLURAL = re.compile(
    r"(?: of)?(?: [a-z]+)? (bytes|clusters|fields|files|intervals|labels|lines|points|recordings"
    r"|rows|samples|searches|steps|visits)\b"
)
COUNT = re.compile(r"len\(|num_|\bcount\b|visits|samples|steps|total|size\b")
# What is never 1: a model's shortest input, sizes of audio, which has at least that, and steps
# after thousands.
SURELY_SEVERAL = (
    *("samples, one frame, got ", "samples at ", "bytes of "),
    "steps the model knows no more",
)


def test_one_of_a_thing_is_no_several() -> None:
    assert [counted(n, "sample") for n in (0, 1, 1200)] == [
        "0 samples",
        "1 sample",
        "1,200 samples",
    ]
    assert [counted(n, "batch", "batches") for n in (1, 2)] == ["1 batch", "2 batches"]


@pytest.mark.parametrize(
    ("number", "total", "said"),
    [(1, 1, "1 of 1 row is"), (1, 2, "1 of 2 rows is"), (2, 2, "2 of 2 rows are")],
)
def test_the_verb_agrees_with_the_part_and_the_noun_with_the_whole(
    number: int, total: int, said: str
) -> None:
    assert counted_of(number, total, "row", "is", "are") == said


@pytest.mark.parametrize("package", PACKAGES)
def test_no_sentence_counts_with_a_plural_of_its_own(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    assert [found for file in files for found in fixed_plurals(file)] == []


def fixed_plurals(file: Path) -> list[str]:
    """Return the f-strings in which a plural of a thing follows a count, whatever the count is."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for value, text in zip(parts, parts[1:], strict=False):
            if not isinstance(value, ast.FormattedValue) or not isinstance(text, ast.Constant):
                continue
            name, words = ast.unparse(value.value), str(text.value)
            plural = PLURAL.match(words)
            counts = COUNT.search(name)
            several = words[1:].startswith(SURELY_SEVERAL)
            if plural and counts and not name.isupper() and not several:
                found.append(f"{file.name}:{value.lineno}: {{{name}}}{words}")
    return found
