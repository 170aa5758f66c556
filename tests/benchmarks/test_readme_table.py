"""The table of tipping points in the README, and the lines at its head, are of what is kept."""

import re
import shutil

from benchmarks.answers import readme_table as command
from benchmarks.answers.epoch_runs.pages import refreshed
from benchmarks.answers.readme_table import KEPT, PAGE, read_answers, table_block
from benchmarks.keeping import RESULTS
from tests.samples.documents import table_below

HEAD = "| efficient variant | against | latency, inference |"
WHOLE = "| efficient variant | against | compared by |"


def named(rows):
    """Return rows of the whole table, each with the names that only the first of a variant has."""
    names = ["", ""]
    for row in rows:
        names = row[:2] if row[0] else names
        yield [*names, *row[2:]]


def test_the_readme_has_the_answers_that_are_kept():
    page = PAGE.read_text()
    assert refreshed(page, table_block(read_answers(RESULTS / KEPT))) == page


def test_the_lines_at_its_head_are_of_the_fastest_kernels_in_the_table():
    whole = {
        (row[0], row[1], *row[3:5]) for row in named(table_below(PAGE, WHOLE)) if "best" in row[2]
    }
    lines = [tuple(row) for row in table_below(PAGE, HEAD)]
    assert lines
    assert set(lines) <= whole


def test_the_sentence_below_them_says_what_the_first_one_does():
    said = re.sub(r"\s+", " ", PAGE.read_text())
    told = re.findall(r"from ([\d,]+) tokens on, .*? interval is ([\d,]+) to ([\d,]+) to", said)
    assert "{} [{}-{}]".format(*told[0]) == table_below(PAGE, HEAD)[0][2]


def answer(comparison, metric, phase):
    about = {"modality": "text", "axis": "sequence_length", "attention_window": None}
    about |= {"vanilla": "bert", "efficient": "fnet", "reason": None, "interval_from": "visits"}
    found = {"verdict": "always", "tipping_point": 256.0, "at_most": False}
    return about | {"comparison": comparison, "metric": metric, "phase": phase} | found


def test_comparisons_that_say_the_same_share_a_line_and_others_have_two():
    asked = [("latency", "inference"), ("memory", "training")]
    rows = [answer(c, *each) for c in ("like_for_like", "best_vs_best") for each in asked]
    cells = "always (from 256) | not measured | not measured | always (from 256) |"
    assert table_block(rows).splitlines()[2:] == [f"| fnet | bert, tokens | both | {cells}"]

    rows[-1] |= {"verdict": "never_in_range", "longest_measured": 2048.0}
    first, second = table_block(rows).splitlines()[2:]
    assert first == f"| fnet | bert, tokens | like for like | {cells}"
    assert second.startswith("| | | best vs best | always (from 256) |")
    assert second.endswith("| never up to 2,048 |")


def test_the_answers_of_a_run_go_where_the_user_says(tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()
    shutil.copy(RESULTS / KEPT, run / "tipping_points.csv")
    before = [path.stat().st_mtime_ns for path in (PAGE, RESULTS / KEPT)]
    assert command.main([str(run), f"--out={out}"]) == 0
    assert (out / KEPT).read_bytes() == (RESULTS / KEPT).read_bytes()
    assert [path.stat().st_mtime_ns for path in (PAGE, RESULTS / KEPT)] == before


def test_a_run_of_two_settings_is_refused_before_anything_is_written(tmp_path, capsys):
    head, *rows = (RESULTS / KEPT).read_text().splitlines(keepends=True)
    rows.append(rows[0].replace(",32-true,", ",bf16-mixed,"))
    (tmp_path / "tipping_points.csv").write_text("".join([head, *rows]))
    assert command.main([str(tmp_path), f"--out={tmp_path / 'out'}"]) == 2
    assert capsys.readouterr().err == (
        "error: `run_directory` must hold answers of one setting, such as one precision, got 2: "
        "precision 32-true; precision bf16-mixed\n"
    )
    assert not (tmp_path / "out" / KEPT).exists()


def test_a_run_without_answers_is_refused_in_one_sentence(tmp_path, capsys):
    assert command.main([str(tmp_path / "run"), f"--out={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: `run_directory` must hold tipping_points.csv, ")
    assert said.count("\n") == 1
