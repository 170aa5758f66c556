"""What benchmarks import is a dependency of the project, or of its extra `bench`."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.samples.places import ROOT

OURS = ("benchmarks", "datamodules", "lightning_modules", "profiling", "train")


def imported_at_once():
    """Yield the packages without which a benchmark cannot begin."""
    for path in (ROOT / "benchmarks").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                yield str(node.module)


def test_the_extra_brings_all_that_benchmarks_import():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["bench"]]
    brought = {re.split(r"[\[><=]", requirement)[0] for requirement in wanted}
    packages = {name.split(".")[0] for name in imported_at_once()} - {
        *OURS,
        *sys.stdlib_module_names,
    }
    distributions = packages_distributions()
    assert packages >= {"jiwer", "psutil", "torch"}
    missing = {
        name for name in packages if brought.isdisjoint(map(str.lower, distributions.get(name, ())))
    }
    assert missing == set()
