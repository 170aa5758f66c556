"""The documents of the project, and what stands in them."""

import re
import shlex
from pathlib import Path

from tests.samples.places import ROOT

README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
DOCUMENTS = [README, CONTRIBUTING, *sorted((ROOT / "docs").rglob("*.md"))]
EXECUTED = [path for path in DOCUMENTS if path != CONTRIBUTING]


def spans(path: Path) -> list[str]:
    """Return what stands in single backticks."""
    return re.findall(r"`([^`]+)`", _prose(path))


def anchors_of(path: Path) -> set[str]:
    """Return what GitHub calls the headings of a page in links."""
    headings = re.findall(r"^#+ (.*)$", _prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def blocks(path: Path, language: str = r"\w*") -> list[str]:
    """Return what stands between triple backticks."""
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def _prose(path: Path) -> str:
    return re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)


def table_below(path: Path, head: str) -> list[list[str]]:
    """Return the cells of the only table whose first line begins with `head`."""
    tables = re.findall(r"(?:^\|.*\n)+", path.read_text(), re.MULTILINE)
    (table,) = [table for table in tables if table.startswith(head)]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]


def commands_of(*documents: Path) -> list[list[str]]:
    """Return the commands that stand in documents, in their order, as lists of words."""
    return [
        shlex.split(line.split("#")[0])
        for path in documents
        for block in blocks(path, "bash")
        for line in block.replace("\\\n", " ").splitlines()
        if line and not line.startswith("#")
    ]
