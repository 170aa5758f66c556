"""What stands in the files of a run directory is named or left out, never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiling.analysis.answers.tipping_points import find_tipping_points
from profiling.analysis.run_comparison.comparing import compare_runs
from profiling.analysis.run_comparison.shared_points import Run
from profiling.errors import SettingsError
from profiling.rows.columns import COLUMNS
from profiling.rows.reading import MANIFEST, ROWS, RowFile, read_manifest, read_rows
from profiling.rows.run_directory import RunDirectory
from tests.samples.rows.comparisons import row
from tests.samples.sweeps import command

Row = dict[str, Any]


def write(directory: Path, *lines: object) -> None:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (directory / ROWS).write_text("".join(f"{text}\n" for text in texts))


GOOD = [row("bert", "sdpa"), row("bert", "sdpa", visit=1)]
DAMAGED: dict[str, object] = {
    "no JSON": "not json",
    "an empty line": "",
    "a list": [1],
    "nothing": None,
    "another modality": row("bert", "sdpa", modality="smell"),
    "a modality of null": row("bert", "sdpa", modality=None),
    "a negative visit": row("bert", "sdpa", visit=-1),
    "a visit that is no number": row("bert", "sdpa", visit="0"),
    "samples that are no numbers": row("bert", "sdpa", latency_ms_samples=["a"] * 6),
    "a number that is too large": row("bert", "sdpa", latency_ms=10**400),
    "a time that is too large": row("bert", "sdpa", latency_ms=1e300),
    "a time that is too small": row("bert", "sdpa", latency_ms=5e-324),
    "a length that is too large": row("bert", "sdpa", sequence_length=2**70),
    "a component without its fields": row("bert", "sdpa", components={"attention_core": 0.5}),
    "a name twice": '{"key": "a", "key": "b"}',
    "half a character": row("bert", "sdpa", checkpoint="\ud800"),
    "a deep nest": "[" * 100_000,
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_is_named_once_and_left_out(
    tmp_path: Path, damaged: object, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, GOOD[0], damaged, GOOD[1])
    for _ in range(2):
        assert [row["visit"] for row in read_rows(tmp_path)] == [0, 1]
    (said,) = capsys.readouterr().err.splitlines()
    assert f"{ROWS}` line 2 is left out: it must be a measurement" in said


@pytest.mark.parametrize("lacking", ["key", "visit", "status", "modality", "variant", "phase"])
def test_a_row_without_a_name_is_damaged(
    tmp_path: Path, lacking: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {name: value for name, value in GOOD[0].items() if name != lacking}, GOOD[1])
    assert [row["visit"] for row in read_rows(tmp_path)] == [1]
    assert f"line 1 is left out: it must be a measurement, but its `{lacking}`" in (
        capsys.readouterr().err
    )


def test_bytes_that_are_no_text_spoil_their_line_alone(tmp_path: Path) -> None:
    write(tmp_path, *GOOD)
    (tmp_path / ROWS).write_bytes(b"\xff\xfe\n" + (tmp_path / ROWS).read_bytes())
    assert len(read_rows(tmp_path)) == 2


def test_a_sweep_goes_on_beside_a_damaged_line(tmp_path: Path) -> None:
    write(tmp_path, GOOD[0], "not json", GOOD[1])
    with RunDirectory(tmp_path) as run:
        run.append(row("bert", "sdpa", visit=2))
        assert [row["visit"] for row in run.rows] == [0, 1, 2]


def test_a_file_that_is_damaged_all_over_is_not_named_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, *["not json"] * 50, *GOOD)
    assert len(read_rows(tmp_path)) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 6
    assert "45 more lines" in said[-1]


@pytest.mark.parametrize("content", ["", "\n", "{", "not json\n"])
@pytest.mark.parametrize("verb", ["report", "compare"])
def test_a_run_without_rows_is_refused_in_one_sentence(
    tmp_path: Path, content: str, verb: str
) -> None:
    (tmp_path / ROWS).write_text(content)
    places = [str(tmp_path)] * (2 if verb == "compare" else 1)
    status, said, complained = command(verb, *places)
    assert (status, said) == (2, "")
    assert "must be a run directory with measurements" in complained.splitlines()[-1]


def test_a_folder_in_place_of_the_measurements_is_refused(tmp_path: Path) -> None:
    (tmp_path / ROWS).mkdir()
    with pytest.raises(SettingsError, match="must be a run directory"):
        read_rows(tmp_path)


def test_a_directory_that_is_none_of_a_run_is_left_as_it_is(tmp_path: Path) -> None:
    assert command("report", str(tmp_path))[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_read_gets_nothing_written_by_a_comparison(tmp_path: Path) -> None:
    write(tmp_path, *GOOD)
    assert command("compare", str(tmp_path), str(tmp_path))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [ROWS]


WRONG_MANIFESTS = [
    "{",
    "[]",
    "null",
    '{"config": null}',
    '{"config": 3}',
    '{"config": {"pairs": 3}}',
    '{"config": {"pairs": [3]}}',
    '{"config": {"pairs": ["bert"]}}',
    '{"states": null}',
    '{"states": {"text": 3}}',
    '{"machine": 3}',
    '{"earlier": {}}',
    '{"earlier": [3]}',
    '{"length_distributions": 3}',
    '{"length_distributions": [3]}',
    '{"length_distributions": [{"values": [3]}]}',
    '{"length_distributions": [{"name": "n", "modality": "smell", "unit": "tokens", "count": 1,'
    ' "values": [3], "counts": [1], "source": "s"}]}',
    '{"seed": 1, "seed": 2}',
    '{"seed": 1' + "0" * 400 + "}",
    r'{"machine": {"name": "\ud83d"}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("manifest", WRONG_MANIFESTS, ids=lambda text: text[:40])
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, manifest: str) -> None:
    write(tmp_path, *GOOD)
    (tmp_path / MANIFEST).write_text(manifest)
    status, said, complained = command("report", str(tmp_path))
    assert (status, said) == (2, "")
    assert complained.startswith("error: `")
    assert complained.count("\n") == 1


def test_states_of_an_unknown_modality_change_nothing(tmp_path: Path) -> None:
    write(tmp_path, *GOOD)
    (tmp_path / MANIFEST).write_text('{"states": {"smell": {}}}')
    assert read_manifest(tmp_path)["states"] == {"smell": {}}
    assert command("compare", str(tmp_path), str(tmp_path))[0] == 0


def test_rows_of_an_older_table_have_every_column(tmp_path: Path) -> None:
    write(tmp_path, *GOOD)
    for found in read_rows(tmp_path):
        assert found.keys() == {column.name for column in COLUMNS}
        assert found["allocator"] == "system"
        assert found["seconds"] == 0.0


def test_rows_come_once_however_the_file_grows(tmp_path: Path) -> None:
    path, text = tmp_path / ROWS, "".join(json.dumps(each) + "\n" for each in GOOD)
    file = RowFile(path)
    assert file.read_new() == []
    seen = []
    for place in range(0, len(text), 97):
        with path.open("a") as writer:
            writer.write(text[place : place + 97])
        seen += [row["visit"] for row in file.read_new()]
    assert seen == [0, 1]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
CHANGES = st.dictionaries(st.sampled_from([column.name for column in COLUMNS]), VALUES, max_size=3)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(CHANGES, min_size=1, max_size=4))
@pytest.mark.filterwarnings("ignore")
def test_whatever_stands_in_a_row_it_is_read_or_left_out(
    tmp_path: Path, changes: list[Row]
) -> None:
    write(
        tmp_path, *GOOD, *(row("bert", "eager", visit=v) | each for v, each in enumerate(changes))
    )
    rows = read_rows(tmp_path)
    find_tipping_points(rows)
    for answer in compare_runs(Run(rows), Run(reversed(rows))).answers:
        json.dumps(answer.to_dict(), allow_nan=False)
