"""In which conditions and states two runs differ: what stands at the head of their comparison."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from profiling.rows.columns import Row, columns_of, value_of
from profiling.rows.machine import machines_in

# Of the machine, as the manifest describes it; the rows say the rest.
OF_MACHINE = ("commit", "python", "system")
# How a commit ends beside which there were changes.
DIRTY = "-dirty"
# Longer lists of values tell nobody more.
LONGEST = 60


@dataclass(frozen=True)
class RunDifference:
    """One thing in which two runs differ, with the values of both as text."""

    name: str
    first: str
    second: str

    def describe(self) -> str:
        """Return it in a line."""
        return f"{self.name}: {self.first} -> {self.second}"


def find_differences(
    first: Sequence[Row],
    second: Sequence[Row],
    manifests: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
) -> list[RunDifference]:
    """Return the conditions (lengths and phases aside), states and efforts that differ.

    Commit, Python and system come from the manifests, those of earlier commands on the same
    directory included, since their rows are there too.
    """
    columns = [c for c in columns_of("condition") if not c.on_axis and c.name != "phase"]
    columns += columns_of("state", "effort")
    both = {
        column.name: (
            _words(value_of(row, column) for row in first),
            _words(value_of(row, column) for row in second),
        )
        for column in columns
    }
    machines = [machines_in(manifest) for manifest in manifests]
    for name in OF_MACHINE:
        of_first, of_second = ([m.get(name) for m in listed] for listed in machines)
        both[name] = (_words(of_first), _words(of_second))
    found = [RunDifference(name, ours, theirs) for name, (ours, theirs) in both.items()]
    return [_shortened(each) for each in found if each.first != each.second]


def find_unknown(
    first: Sequence[Row],
    second: Sequence[Row],
    manifests: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
) -> dict[str, str]:
    """Return of versions and commit those that nobody can tell to be the same, with the reason.

    Two runs may have no difference in them because neither says anything of them.
    """
    found = {}
    if not all(row.get("versions") for row in (*first, *second)):
        found["versions"] = "unknown"
    listed = [machines_in(manifest) for manifest in manifests]
    commits = [machine.get("commit") for machines in listed for machine in machines]
    if not all(listed) or not all(commits):
        found["commit"] = "unknown"
    elif any(str(commit).endswith(DIRTY) for commit in commits):
        found["commit"] = "with changes that nobody committed"
    return found


def _words(values: Iterable[Any]) -> str:
    texts = {", ".join(map(str, v)) if isinstance(v, list) else str(v) for v in values}
    return " / ".join(sorted({"unknown" if text == "None" else text for text in texts})) or "none"


def _shortened(difference: RunDifference) -> RunDifference:
    """Leave out what two lists of versions share, and the end of what is too long."""
    parts = [set(text.split(", ")) for text in (difference.first, difference.second)]
    common = parts[0] & parts[1] if difference.name == "versions" else set()
    texts = (
        ", ".join(part for part in text.split(", ") if part not in common) or "none"
        for text in (difference.first, difference.second)
    )
    ours, theirs = (text if len(text) <= LONGEST else f"{text[:LONGEST]}..." for text in texts)
    return RunDifference(difference.name, ours, theirs)
