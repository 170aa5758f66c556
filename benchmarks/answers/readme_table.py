"""Write the README's table of tipping points: `python benchmarks/answers/readme_table.py runs/cpu`.

    python benchmarks/answers/readme_table.py runs/cpu  # keep the answers of a run, write the table
    python benchmarks/answers/readme_table.py           # write it anew from what is kept

The answers are kept in benchmarks/results/cpu.csv, a copy of the run's tipping_points.csv. `--out`
keeps them elsewhere, and leaves the README as it is.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.answers.epoch_runs.pages import refreshed
from benchmarks.keeping import RESULTS, add_out
from benchmarks.mistakes import in_one_sentence
from datamodules.files.writing import write_text
from lightning_modules.variants import VARIANTS
from profiling.analysis.points.axes import unit_of
from profiling.analysis.points.groups import Setting
from profiling.analysis.points.maximum import maximum_text
from profiling.errors import SettingsError
from profiling.report.answers.verdicts import describe_verdict

PAGE = Path(__file__).resolve().parents[2] / "README.md"
ANSWERS, KEPT = "tipping_points.csv", "cpu.csv"
COMPARED = {"like_for_like": "like for like", "best_vs_best": "best vs best"}
ASKED = [(metric, phase) for phase in ("inference", "training") for metric in ("latency", "memory")]
HEAD = ["efficient variant", "against", "compared by", *(", ".join(asked) for asked in ASKED)]
NUMBERS = ("tipping_point", "ci_low", "ci_high", "longest_measured")
ORDER = [(modality, name) for modality, variants in VARIANTS.items() for name in variants]

Answer = dict[str, Any]
Cells = tuple[str, ...]


def read_answers(path: Path) -> list[Answer]:
    """Return the answers of a CSV file, with numbers where the table needs them.

    Raises:
        SettingsError: It cannot be read, or holds answers of several settings, of which a cell of
            the table could show one alone.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            answers = [_typed(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise SettingsError(
            f"`run_directory` must hold {ANSWERS}, which a sweep or `profile.py report` writes, "
            f"got {path.parent}: {error.strerror}"
        ) from error
    settings = {Setting.of(row) for row in answers}
    if len(settings) > 1:
        told = sorted(setting.describe(settings) for setting in settings)
        raise SettingsError(
            f"`run_directory` must hold answers of one setting, such as one precision, got "
            f"{len(settings)}: {'; '.join(filter(None, told))}"
        )
    return answers


def _typed(row: Mapping[str, str]) -> Answer:
    numbers = {name: float(row[name]) for name in NUMBERS if row[name]}
    told = {name: text or None for name, text in row.items()}
    return told | numbers | {"at_most": row["at_most"] == "True"}


def table_block(answers: Iterable[Answer]) -> str:
    """Return the table in Markdown, the variants in the order of the registry."""
    found: dict[tuple[str, str], dict[str, dict[tuple[str, str], str]]] = {}
    for row in sorted(answers, key=lambda row: ORDER.index((row["modality"], row["efficient"]))):
        if row["comparison"] in COMPARED:
            lines = found.setdefault((_name_of(row), f"{row['vanilla']}, {unit_of(row)}"), {})
            cells = lines.setdefault(COMPARED[row["comparison"]], {})
            cells[row["metric"], row["phase"]] = describe_verdict(row).text
    table = [_line(HEAD), "|---" * len(HEAD) + "|"]
    for names, lines in found.items():
        table += _lines_of(names, lines)
    return "\n".join(table)


def _lines_of(names: Cells, lines: Mapping[str, Mapping[tuple[str, str], str]]) -> list[str]:
    """Return a line per comparison, one alone where both say the same; the first has the names."""
    told = {
        compared: tuple(cells.get(asked, "not measured") for asked in ASKED)
        for compared, cells in lines.items()
    }
    if len(told) > 1 and len({*told.values()}) == 1:
        told = {"both": next(iter(told.values()))}
    blank = ("",) * len(names)
    return [
        _line([*(blank if place else names), compared, *cells])
        for place, (compared, cells) in enumerate(told.items())
    ]


def _name_of(row: Answer) -> str:
    window, longest = row["attention_window"], maximum_text(row)
    windows = [f"window {window}"] if window else []
    return ", ".join([row["efficient"], *windows, *([f"up to {longest}"] if longest else [])])


def _line(cells: Iterable[str]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


@in_one_sentence
def main(arguments: list[str] | None = None) -> None:
    """Keep the answers of a run, if one is given, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_directory", type=Path, nargs="?", help="of configs/profile/cpu.yaml")
    add_out(parser)
    given = parser.parse_args(arguments)
    source = given.run_directory / ANSWERS if given.run_directory else RESULTS / KEPT
    block = table_block(read_answers(source))
    if given.run_directory:
        write_text(given.out / KEPT, source.read_text(encoding="utf-8"))
    if given.out.samefile(RESULTS):
        write_text(PAGE, refreshed(PAGE.read_text(encoding="utf-8"), block))
    print(block)


if __name__ == "__main__":
    sys.exit(main())
