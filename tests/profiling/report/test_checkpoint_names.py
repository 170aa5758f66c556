"""Two checkpoints whose paths end alike are two models, wherever a report names them."""

import re
from html import unescape
from pathlib import Path

from profiling.analysis.answers.tipping_points import find_ladder, find_tipping_points
from profiling.report.answers.sections import build_sections
from profiling.report.build import build_report
from profiling.report.material import Material
from profiling.report.tensorboard.event_files import group_runs
from tests.samples.rows.curves import LENGTHS, Row, rows_of

COSTS = {"runs/a/export": 0.5, "runs/b/export": 1.5}
NAMES = ["longformer w512 (a/export)", "longformer w512 (b/export)"]


def rows() -> list[Row]:
    plain = dict.fromkeys(LENGTHS, 10.0)
    found = rows_of("bert", plain) + rows_of("bert", plain, implementation="sdpa")
    for checkpoint, ratio in COSTS.items():
        costs = dict.fromkeys(LENGTHS, 10 * ratio)
        found += rows_of("longformer", costs, checkpoint=checkpoint)
    return found


def test_each_has_its_line_and_its_sentence() -> None:
    answers = find_tipping_points(rows())
    (section,) = build_sections(answers, (), find_ladder(rows()))
    assert {line.efficient for line in section.lines} == set(NAMES)
    cells = {line.efficient: line.cells[0].verdict for line in section.lines}
    assert [cells[name] for name in NAMES] == ["always", "never_in_range"]
    told = " ".join(section.told)
    assert f"{NAMES[0]} beats bert" in told
    assert f"No win of {NAMES[1]} is seen" in told
    assert f"{NAMES[1]} is not seen to win" in told


def test_names_are_those_of_the_whole_run_where_they_are_given() -> None:
    compared = [row for row in rows() if row.get("checkpoint") != "runs/b/export"]
    answers = find_tipping_points(compared)
    (alone,) = build_sections(answers)
    assert {line.efficient for line in alone.lines} == {"longformer w512 (export)"}
    (among,) = build_sections(answers, checkpoint_names={"runs/a/export": "a/export"})
    assert {line.efficient for line in among.lines} == {NAMES[0]}


def test_charts_folders_and_the_page_tell_them_apart(tmp_path: Path) -> None:
    answers, ladder = find_tipping_points(rows()), find_ladder(rows())
    sections = build_sections(answers, (), ladder)
    material = Material.of(rows(), answers, sections, {}).beside(ladder)
    looks = [material.styles.families[name] for name in NAMES]
    assert looks[0] != looks[1]
    for row in material.tipping_points:
        assert material.styles.of_row(row) == looks[row["checkpoint"] == "runs/b/export"]
    folders = [name for name in group_runs(material.curves) if name.startswith("longformer")]
    assert folders == ["longformer-library-w512-a_export", "longformer-library-w512-b_export"]
    page = unescape(build_report(tmp_path, material).read_text())
    assert set(re.findall(r'data-family="(longformer[^"]*)"', page)) == set(NAMES)
    assert "<td>runs/a/export</td>" in page  # the table of all rows has all of it
