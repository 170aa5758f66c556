import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from profiling.errors import SettingsError
from profiling.rows.reading import ROWS, read_manifest, read_rows
from profiling.rows.run_directory import RunDirectory
from tests.samples.places import ROOT


def _row(key: str, visit: int = 0, status: str = "ok") -> dict[str, object]:
    names = {"modality": "text", "variant": "bert", "implementation": "sdpa", "phase": "training"}
    return {"key": key, "visit": visit, "status": status, **names}


def test_rows_survive_closing_and_opening(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run") as run:
        run.append(_row("a"))
        run.append(_row("a", visit=1))
    with RunDirectory(tmp_path / "run") as run:
        assert [(row["key"], row["visit"]) for row in run.rows] == [("a", 0), ("a", 1)]


def test_a_torn_last_line_is_dropped_and_the_next_row_is_whole(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as run:
        run.append(_row("a"))
    with (tmp_path / ROWS).open("a") as file:
        file.write('{"key": "b", "visi')
    with RunDirectory(tmp_path) as run:
        assert [row["key"] for row in run.rows] == ["a"]
        run.append(_row("c"))
    assert [row["key"] for row in read_rows(tmp_path)] == ["a", "c"]


def test_reading_ignores_a_torn_last_line_without_changing_the_file(tmp_path: Path) -> None:
    content = json.dumps(_row("a")) + '\n{"key"'
    (tmp_path / ROWS).write_text(content)
    assert [row["key"] for row in read_rows(tmp_path)] == ["a"]
    assert (tmp_path / ROWS).read_text() == content


def test_a_retried_visit_counts_once_with_its_last_row(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as run:
        run.append(_row("a", status="error"))
        run.append(_row("a", status="ok"))
        assert [row["status"] for row in run.rows] == ["ok"]
    assert [row["status"] for row in read_rows(tmp_path)] == ["ok"]


def test_a_retried_visit_takes_its_last_place(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as run:
        for key, status in (("a", "error"), ("b", "ok"), ("a", "ok")):
            run.append(_row(key, status=status))
        assert run.rows == read_rows(tmp_path)
    assert [row["key"] for row in read_rows(tmp_path)] == ["b", "a"]


def test_a_directory_without_measurements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be a run directory"):
        read_rows(tmp_path / "nowhere")


def test_two_sweeps_cannot_share_a_directory(tmp_path: Path) -> None:
    with RunDirectory(tmp_path), pytest.raises(SettingsError, match="in use"):
        RunDirectory(tmp_path)
    with RunDirectory(tmp_path):
        pass


def test_fresh_forgets_what_a_sweep_wrote_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with RunDirectory(tmp_path) as run:
        run.append(_row("a"))
        run.change_manifest(lambda _: {"seed": 1})
    (tmp_path / "figures").mkdir()
    with RunDirectory(tmp_path, fresh=True) as run:
        assert run.rows == []
        assert len(read_rows(tmp_path)) == 1  # until nothing can refuse the sweep any more
        run.begin()
        run.append(_row("b"))
        run.begin()
        assert [row["key"] for row in read_rows(tmp_path)] == ["b"]
    assert (tmp_path / "thesis.tex").read_text() == "mine"
    assert not (tmp_path / "figures").exists()
    assert read_manifest(tmp_path) == {}


def test_one_shard_cannot_forget_what_the_others_have_measured(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, shard=(1, 2)) as run:
        run.append(_row("a"))
    with pytest.raises(SettingsError, match="`fresh`.*`shard`"):
        RunDirectory(tmp_path, fresh=True, shard=(2, 2))
    assert [row["key"] for row in read_rows(tmp_path)] == ["a"]


@pytest.mark.parametrize(
    ("running", "another"),
    [((1, 2), (1, 2)), ((1, 2), (1, 1)), ((1, 1), (2, 2)), ((1, 2), (2, 3)), ((1, 1), (1, 1))],
)
def test_what_would_measure_the_same_points_is_refused(
    tmp_path: Path, running: tuple[int, int], another: tuple[int, int]
) -> None:
    with RunDirectory(tmp_path, shard=running), pytest.raises(SettingsError, match="in use"):
        RunDirectory(tmp_path, shard=another)
    with RunDirectory(tmp_path, shard=another):
        pass


def test_the_last_shard_to_end_knows_that_it_is_the_last(tmp_path: Path) -> None:
    first, second, third = (RunDirectory(tmp_path, shard=(part, 3)) for part in (1, 2, 3))
    assert [second.close(), first.close(), third.close()] == [False, False, True]


def test_a_shard_learns_what_another_one_appended(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, shard=(1, 2)) as run, RunDirectory(tmp_path, shard=(2, 2)) as other:
        seen = run.rows
        other.append(_row("b"))
        assert seen == []
        run.append(_row("a"))
        assert [row["key"] for row in seen] == ["b", "a"]
        other.append(_row("a", visit=1, status="error"))
        run.learn()
        assert [(row["visit"], row["status"]) for row in seen[1:]] == [(0, "ok"), (1, "error")]


def test_a_shard_that_was_killed_while_writing_spoils_no_row_of_another(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, shard=(1, 2)) as run:
        run.append(_row("a"))
        with (tmp_path / ROWS).open("a") as file:
            file.write('{"key": "b", "visi')
        run.append(_row("c"))
        assert [row["key"] for row in run.rows] == ["a", "c"]
    assert [row["key"] for row in read_rows(tmp_path)] == ["a", "c"]


def test_shards_add_to_one_manifest(tmp_path: Path) -> None:
    with RunDirectory(tmp_path, shard=(1, 2)) as run, RunDirectory(tmp_path, shard=(2, 2)) as other:
        assert run.change_manifest(lambda manifest: manifest | {"seed": 1})
        assert other.change_manifest(lambda manifest: manifest | {"states": {}})
        assert not run.change_manifest(lambda manifest: manifest | {"seed": 1})
    assert read_manifest(tmp_path) == {"seed": 1, "states": {}}


APPEND = """
import sys
from pathlib import Path
from profiling.rows.run_directory import RunDirectory
from tests.samples.places import ROOT
part, parts, number = map(int, sys.argv[2:])
names = {"modality": "text", "variant": "bert", "implementation": "sdpa", "phase": "training"}
with RunDirectory(Path(sys.argv[1]), shard=(part, parts)) as run:
    for visit in range(number):
        row = {"key": str(part), "visit": visit, "status": "ok", "error": "x" * 9000, **names}
        run.append(row)
        run.change_manifest(lambda manifest: manifest | {str(part): visit})
"""


def test_processes_that_append_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    parts, number = 3, 40
    arguments = [[str(tmp_path), str(part + 1), str(parts), str(number)] for part in range(parts)]
    started = [
        subprocess.Popen([sys.executable, "-c", APPEND, *each], cwd=ROOT) for each in arguments
    ]
    assert [process.wait(timeout=120) for process in started] == [0] * parts
    lines = (tmp_path / ROWS).read_text().splitlines()
    written = [(row["key"], row["visit"]) for row in map(json.loads, lines)]
    wanted = {(str(part + 1), visit) for part in range(parts) for visit in range(number)}
    assert len(written) == len(wanted)
    assert set(written) == wanted
    assert read_manifest(tmp_path) == {str(part + 1): number - 1 for part in range(parts)}


def test_who_waits_for_a_turn_gets_it_when_the_other_ends(tmp_path: Path) -> None:
    order = []

    def measure(run: RunDirectory) -> None:
        with run.turn():
            order.append("second")

    with RunDirectory(tmp_path, shard=(1, 2)) as run, RunDirectory(tmp_path, shard=(2, 2)) as other:
        with run.turn():
            waiting = Thread(target=measure, args=(other,))
            waiting.start()
            waiting.join(0.2)
            order.append("first")
        waiting.join(10)
    assert order == ["first", "second"]


def test_rows_that_were_measured_together_are_appended_together(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as run:
        run.append(_row("a"), _row("b"))
        assert [row["key"] for row in run.rows] == ["a", "b"]
    assert [row["key"] for row in read_rows(tmp_path)] == ["a", "b"]


def test_a_full_disk_is_a_sentence_and_leaves_the_directory_free(tmp_path: Path) -> None:
    full = "`out` must be a folder to write to, got .*: .*No space left on device"
    with RunDirectory(tmp_path) as run:
        (tmp_path / ROWS).symlink_to("/dev/full")
        with pytest.raises(SettingsError, match=full):
            run.append(_row("a"), _row("b"))
    (tmp_path / ROWS).unlink()
    with RunDirectory(tmp_path) as run:
        run.append(_row("a"), _row("b"))
    assert [row["key"] for row in read_rows(tmp_path)] == ["a", "b"]


def test_a_manifest_that_cannot_be_written_is_a_sentence_and_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with RunDirectory(tmp_path) as run:
        run.change_manifest(lambda _: {"seed": 1})
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_text", refuse)
            with pytest.raises(SettingsError, match=r"`out` must be .*[Qq]uota"):
                run.change_manifest(lambda _: {"seed": 2})
    assert read_manifest(tmp_path) == {"seed": 1}
