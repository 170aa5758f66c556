"""The order of tests: what takes long first, and files that were named as they were named."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from profiling.checking.gpu_tests import find_tests
from tests.samples.order import BEGIN_FIRST, in_order
from tests.samples.places import ROOT


def made_of(files: list[str]) -> list[Any]:
    return [SimpleNamespace(path=Path(file)) for file in files]


def test_files_that_begin_first_are_there() -> None:
    there = [path.name for path in ROOT.glob("tests/**/test_*.py")]
    assert {name: there.count(name) for name in BEGIN_FIRST} == dict.fromkeys(BEGIN_FIRST, 1)


def test_what_takes_long_begins_first_and_the_rest_stays_in_its_order() -> None:
    first, second = BEGIN_FIRST[0], BEGIN_FIRST[1]
    found = in_order(made_of(["tests/b.py", f"tests/{second}", "tests/a.py", first]), ["tests"])
    assert [test.path.name for test in found] == [first, second, "b.py", "a.py"]


def test_a_check_of_a_gpu_runs_what_only_a_gpu_shows_first_and_each_file_once() -> None:
    files = find_tests()
    found = [str(test.path) for test in in_order(made_of(files), files)]
    assert found[0] == "tests/profiling/measuring/test_gpu_steps.py"
    assert found == [*dict.fromkeys(files)]
    assert any(Path(file).name in BEGIN_FIRST for file in files)
