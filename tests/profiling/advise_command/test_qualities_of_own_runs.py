"""What `advise --quality` reads, and says beside what is published."""

import json
from pathlib import Path

import pytest

from profiling.cli import main

WINDOWED = {"variant": "local_bert", "attention_window": 32, "metric": "test_loss", "value": 1.5,
            "source": "runs/own, 500 texts"}  # fmt: skip


def with_quality(tmp_path, entries) -> list[str]:
    (tmp_path / "quality.json").write_text(json.dumps(entries))
    return ["--quality", str(tmp_path / "quality.json")]


def test_quality_of_own_runs_stands_beside_what_is_published(
    run_directory, lengths, tmp_path, capsys
):
    any_window = {key: value for key, value in WINDOWED.items() if key != "attention_window"}
    entries = [
        WINDOWED,
        any_window | {"value": 9.0},  # of its own window there is a figure
        {**WINDOWED, "attention_window": 64, "value": 8.0},
        {"variant": "bert", "metric": "test_loss", "value": 1.25, "source": "runs/own"},
    ]
    given = ["advise", run_directory, "--lengths", lengths, *with_quality(tmp_path, entries)]
    assert main([*given, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    told = {each["variant"]: each["measured_quality"] for each in found["alternatives"]}
    assert told["bert"] == [{"metric": "test_loss", "value": 1.25, "source": "runs/own"}]
    assert told["local_bert"] == [
        {"metric": "test_loss", "value": 1.5, "source": "runs/own, 500 texts"}
    ]
    assert main(given) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if "measured quality" in line]
    assert notes == [
        "- measured quality: test_loss of bert is 1.25 (runs/own)",
        "- measured quality: test_loss of local_bert w32 is 1.5 (runs/own, 500 texts)",
    ]


def test_the_quality_of_several_files_is_taken_together(run_directory, lengths, tmp_path, capsys):
    files = []
    for place, entry in enumerate((WINDOWED, WINDOWED | {"metric": "test_wer", "value": 0.25})):
        files.append(str(tmp_path / f"{place}.json"))
        Path(files[-1]).write_text(json.dumps([entry]))
    given = ["advise", run_directory, "--lengths", lengths, "--json", "--quality"]
    assert main([*given, f"[{', '.join(files)}]"]) == 0

    notes = json.loads(capsys.readouterr().out)["notes"]
    assert [note.split()[2] for note in notes if "measured quality" in note] == [
        "test_loss",
        "test_wer",
    ]
    assert main([*given, f"[{files[0]}, {files[0]}]"]) == 2
    assert f"twice in {files[0]}, {files[0]}" in capsys.readouterr().err


def test_one_model_may_have_figures_of_two_test_sets(run_directory, lengths, tmp_path, capsys):
    files = []
    for name in ("clean", "other"):
        files.append(str(tmp_path / f"{name}.json"))
        Path(files[-1]).write_text(json.dumps([WINDOWED | {"source": f"runs/own on {name}"}]))
    given = ["advise", run_directory, "--lengths", lengths, "--json", "--quality"]

    assert main([*given, f"[{', '.join(files)}]"]) == 0

    told = json.loads(capsys.readouterr().out)["measured_quality"]
    assert [each["source"] for each in told] == ["runs/own on clean", "runs/own on other"]


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"lhubert": 0.2}, "must be a list of entries, got {'lhubert': 0.2}"),
        ([], "must be a list of entries, got []"),
        ([{"variant": "bert"}], "must have entries with variant, metric, value, source and"),
        ([WINDOWED | {"wer": 1}], "must have entries with variant, metric, value, source and"),
        ([WINDOWED | {"variant": "gpt"}], "must be one of bert, bigbird, "),
        ([WINDOWED | {"variant": ["bert"]}], "must be one of bert, bigbird, "),
        ([WINDOWED | {"value": "low"}], "`value` in "),
        ([WINDOWED | {"value": float("nan")}], "must be a number, got nan"),
        ([WINDOWED | {"value": True}], "must be a number, got True"),
        ([WINDOWED | {"value": 10**309}], "it has an integer beyond 9,223,372,036,854,775,807"),
        ([WINDOWED | {"source": "\ud83d"}], "it has a text with half of a pair of surrogates"),
        ([WINDOWED | {"source": " "}], "must be a text, got ' '"),
        ([WINDOWED | {"attention_window": 31}], "must be an even number above zero, got 31"),
        ([WINDOWED, WINDOWED], "must have each variant, window, metric and source once"),
    ],
)
def test_a_wrong_quality_is_refused_in_one_sentence(
    run_directory, lengths, tmp_path, capsys, entries, sentence
):
    given = with_quality(tmp_path, entries)
    assert main(["advise", run_directory, "--lengths", lengths, *given]) == 2

    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("content", [None, b"\xff", b"{", b"[" * 99_999])
def test_a_file_of_quality_that_is_none_is_refused(
    run_directory, lengths, tmp_path, capsys, content
):
    if content is not None:
        (tmp_path / "quality.json").write_bytes(content)
    given = ["--quality", str(tmp_path / "quality.json")]
    assert main(["advise", run_directory, "--lengths", lengths, *given]) == 2

    assert "`quality` " in capsys.readouterr().err
