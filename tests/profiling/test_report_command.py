"""`profile.py report`, as it is called."""

import json
from pathlib import Path

import pytest

from profiling.cli import main
from profiling.commands.report import answer
from profiling.report import build
from profiling.report.material import Material
from tests.samples.rows.advising import keyed_rows_of, lengths_around, linear_law, vanilla_law
from tests.samples.rows.comparisons import METRICS
from tests.samples.rows.runs import visits_of, write_run


@pytest.fixture
def run_directory(tmp_path: Path) -> str:
    """A run of two vanilla kernels, the plainer one 40 % slower, and an efficient variant."""
    rows = [
        *keyed_rows_of("bert", "eager", lambda tokens: 1.4 * vanilla_law(tokens)),
        *keyed_rows_of("bert", "sdpa", vanilla_law),
        *keyed_rows_of("local_bert", "local_blocked", linear_law, attention_window=32),
    ]
    keyed = [row | {"key": f"{row['implementation']}-{row['key']}"} for row in rows]
    return str(write_run(tmp_path / "run", keyed))


def lengths_file(folder: Path, middle: int, modality: str = "text") -> str:
    lengths_around(middle, modality).to_json(folder / f"{modality}-{middle}.json")
    return str(folder / f"{modality}-{middle}.json")


def test_the_saved_answers_hold_a_row_per_rung_beside_the_others(run_directory, capsys):
    assert main(["report", run_directory]) == 0
    saved = json.loads((Path(run_directory) / "tipping_points.json").read_text())
    rungs = [row for row in saved if (row["comparison"], row["metric"]) == ("ladder", "latency")]
    assert [row["vanilla_implementation"] for row in rungs] == ["eager", "sdpa"]
    assert rungs[0]["tipping_point"] < rungs[1]["tipping_point"]
    counted = [row for row in saved if row["comparison"] != "ladder"]
    assert f"Of {len(counted)} comparisons" in capsys.readouterr().out


def test_sentences_stand_above_the_table(run_directory, capsys):
    assert main(["report", run_directory]) == 0
    said = " ".join(capsys.readouterr().out.split())
    first = said.index("- Latency, 64 to 2,048 tokens: ")
    assert first < said.index("against eager attention, as in the study") < said.index("best vs")


def test_lengths_of_data_are_told_with_the_answer_and_drawn(run_directory, capsys, tmp_path):
    files = [lengths_file(tmp_path, middle) for middle in (900, 400)]
    assert main(["report", run_directory, "--lengths", *files]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("of the 100 samples of") == 2
    assert said.count("samples of made up 2") == 1  # two of one name are told apart


@pytest.fixture
def pages(run_directory: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return every page of the run that is built from now on, without its pictures and events."""
    built: list[str] = []

    def write(_directory: Path, _material: Material, _pictures: object, page: str) -> None:
        built.append(page)
        (Path(run_directory) / "report.html").write_text(page)

    monkeypatch.setattr(build, "draw_figures", lambda *_: {})
    monkeypatch.setattr(build, "_write", write)
    return built


@pytest.mark.parametrize("setting", ["strict", "lengths"])
def test_a_sweep_after_a_report_with_settings_points_to_answers_as_it_prints_them(
    run_directory, pages, tmp_path, setting
):
    value = "true" if setting == "strict" else lengths_file(tmp_path, 900)
    assert main(["report", run_directory, f"--{setting}", value]) == 0
    assert len(pages) == 1
    for _ in range(2):  # the second time there is nothing to build
        answer(Path(run_directory), rebuild=False)
        assert len(pages) == 2
    told = [("leaves those undecided" in page, "samples of made up" in page) for page in pages]
    assert told == [(setting != "strict", setting == "lengths"), (True, False)]


def test_a_strict_report_does_not_advise_to_be_strict(run_directory, pages, capsys):
    assert main(["report", run_directory, "--strict", "true"]) == 0
    for said in (capsys.readouterr().out, *pages):
        words = " ".join(said.split())
        assert (
            "by chance alone, were all equal; what it may have decided is left undecided." in words
        )
        assert "strict true" not in words


def test_lengths_of_a_modality_that_was_not_measured_are_a_mistake(run_directory, capsys, tmp_path):
    file = lengths_file(tmp_path, 300, "speech")
    assert main(["report", run_directory, "--lengths", file]) == 2
    said = capsys.readouterr().err
    assert f"`lengths` {file} must be of a modality that was measured (text), got speech" in said


def test_a_variant_that_failed_everywhere_is_named_with_what_it_said(tmp_path, capsys):
    nothing = {"status": "error", "error": "it [red]broke[/blue].\nhere", **dict.fromkeys(METRICS)}
    rows = [
        *keyed_rows_of("bert", "sdpa", vanilla_law),
        *keyed_rows_of("local_bert", "local_blocked", linear_law, **nothing),
    ]
    assert main(["report", str(write_run(tmp_path / "run", rows))]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "No number of local_bert local_blocked in text, inference: it [red]broke[/blue]." in said
    assert "No number of bert" not in said


def test_rows_that_do_not_count_any_more_are_named_wherever_answers_are_looked_at(tmp_path, capsys):
    states = {"text": {"versions": "torch 2"}}  # a sweep began with it, and was interrupted
    rows = visits_of([10.0, 11.0], versions="torch 1")
    directory = write_run(tmp_path / "run", rows, states=states)
    assert main(["report", str(directory)]) == 0
    page = (directory / "report.html").read_text()
    (events,) = directory.glob("tensorboard/answers/events.*")
    for said in (capsys.readouterr().out, page, events.read_bytes().decode(errors="replace")):
        assert "2 of 2 rows of text are left out, because" in " ".join(said.split())
    assert "0 measurement rows that count" in page
    assert "No measurement row counts any more" in page
    assert "Nothing was measured" not in page


def test_a_path_is_said_as_it_is(tmp_path, capsys):
    directory = write_run(tmp_path / "a [bold]run", keyed_rows_of("bert", "sdpa", vanilla_law))
    assert main(["report", str(directory)]) == 0
    assert f"Report: {directory / 'report.html'}" in capsys.readouterr().out
