"""Whatever is in a file, it is read or refused in one sentence: a small `damaged_files.py`.

Here no file may hang or bring down the process: those that did are tests of their own.
"""

from pathlib import Path

import pytest

from benchmarks.inputs.damaged_files import damaged, examine
from benchmarks.inputs.damaged_kinds import KINDS, Kind

FILES = 40


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_damaged_file_is_read_or_refused_in_one_sentence(kind: Kind, tmp_path: Path) -> None:
    assert examine(kind, kind.make(), tmp_path) == ("read", "")
    found = [examine(kind, content, tmp_path) for content in damaged(kind, FILES)]
    assert [said for outcome, said in found if outcome == "raised"] == []
