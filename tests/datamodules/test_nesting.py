"""Files that nest more deeply than a parser can follow are damaged files, and end no process."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from datamodules.errors import DataError
from datamodules.files.datasets_hub import open_rows
from datamodules.labels.format import FACTS_FILE, read_facts
from datamodules.lengths import LengthDistribution
from datamodules.modalities.text_source import load_texts
from datamodules.nesting import MOST_LEVELS, is_too_deep, parse_bounded_json, parse_json, parse_yaml

ROOT = Path(__file__).parents[2]
DEEP = "[" * 100_000
# What a user never writes: arguments and results of the project's own processes.
OWN_FILES = {"nesting.py", "prediction_files.py"}


@pytest.mark.parametrize("text", [DEEP, DEEP + "]" * 100_000, '{"a":' * 100_000], ids=len)
def test_deep_json_is_a_damaged_one(text: str) -> None:
    with pytest.raises(ValueError, match="it is nested too deeply"):
        parse_json(text)


@pytest.mark.parametrize(
    "text", [DEEP, "- " * 1_000 + "a", "{a: " * 1_000, f"data: {DEEP}"], ids=len
)
def test_deep_yaml_is_refused_before_it_is_loaded(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="it is nested too deeply"):
        parse_yaml(text)


def test_what_is_not_deep_is_parsed_as_ever() -> None:
    wide = [{"a": [number]} for number in range(MOST_LEVELS)]
    assert parse_json(json.dumps(wide)) == parse_yaml(json.dumps(wide)) == wide
    assert not is_too_deep("[" * MOST_LEVELS + "]" * MOST_LEVELS)
    assert is_too_deep("[" * (MOST_LEVELS + 1) + "]" * (MOST_LEVELS + 1))
    assert not is_too_deep("no YAML: [" + " " * MOST_LEVELS)


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "facts of labels": (FACTS_FILE, read_facts),
    "lengths": ("lengths.json", LengthDistribution.from_json),
    "texts": ("texts.json", lambda path: load_texts(str(path), "text", "train", None)),
    "lines of texts": ("texts.jsonl", lambda path: load_texts(str(path), "text", "train", None)),
    "a saved table": ("state.json", lambda path: open_rows(str(path.parent))),
}


@pytest.mark.parametrize("what", READERS)
def test_every_reader_names_a_deep_file_in_one_sentence(what: str, tmp_path: Path) -> None:
    name, read = READERS[what]
    (tmp_path / name).write_text(DEEP)
    if name == "state.json":
        (tmp_path / "dataset_info.json").write_text(DEEP)
    with pytest.raises(DataError) as caught:
        read(tmp_path / name)
    assert str(tmp_path) in str(caught.value)
    assert "recursion" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (str(2**63), "it has an integer beyond 9,223,372,036,854,775,807"),
        (f'{{"a": [-{10**309}]}}', "it has an integer beyond"),
        ("1" * 5_000, "it has an integer beyond"),
        (r'["\ud83d"]', "it has a text with half of a pair of surrogates"),
        (r'{"\uDE00": 1}', "it has a text with half of a pair of surrogates"),
    ],
)
def test_what_nobody_can_compute_with_or_write_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_bounded_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63) + 1, 1e300, "\N{GRINNING FACE}", r"\ud83d"])
def test_what_can_be_computed_with_and_written_is_read_as_it_is(value: Any) -> None:
    assert parse_bounded_json(json.dumps({"a": value})) == {"a": value}


@pytest.mark.parametrize("package", ["datamodules", "profiling"])
def test_files_of_users_are_parsed_by_one_reader(package: str) -> None:
    files = [file for file in (ROOT / package).rglob("*.py") if file.name not in OWN_FILES]
    assert files
    calls = [(file.name, call) for file in files for call in calls_in(file)]
    # Settings that were just written as JSON, to be compared with a file.
    assert [call for call in calls if "json.dumps" not in call[1]] == []


def calls_in(file: Path) -> list[str]:
    """Return the calls of the libraries' own parsers."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if call.startswith(("json.load", "yaml.safe_load", "yaml.load"))]
