"""The answers in words: tipping points as a terminal table, plain text and markdown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datamodules.lengths import LengthDistribution
from profiling.analysis.groups import Setting, axis_unit, rank
from profiling.analysis.many import decided_by_chance
from profiling.analysis.readings import finite
from profiling.analysis.tipping_points import MISSING
from profiling.report.ceilings import ceiling_sentences
from profiling.report.markdown import escape_markdown, markdown_table
from profiling.report.notes import gather_notes, notes_of
from profiling.report.palette import efficient_family, vanilla_family, vanilla_names
from profiling.report.words import AT_MOST, KERNELS, LEGEND, NO_ANSWERS, PROVEN
from profiling.rows.columns import Row, judged_columns

NOT_MEASURED = "not measured"
MAX_NOTES = 12
CELL_STYLES = {"crosses": "green", "several": "green", "always": "bold green"}


@dataclass(frozen=True)
class Cell:
    """One verdict in words."""

    text: str
    verdict: str
    proven_from: str = ""


@dataclass(frozen=True)
class Line:
    """One efficient variant, the comparisons that agree about it, a cell per metric."""

    efficient: str
    comparisons: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Section:
    """All answers of one modality and phase in one setting."""

    modality: str
    phase: str
    unit: str
    vanilla: str
    setting: str
    lines: tuple[Line, ...]
    num_comparisons: int = 0
    notes: tuple[str, ...] = ()
    ceilings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return what the section is about in one line."""
        where = f" ({self.setting})" if self.setting else ""
        beats = f"from how many {self.unit} on it beats {self.vanilla}"
        return f"{self.modality}, {self.phase}: {beats}{where}"


def describe_verdict(row: Row) -> Cell:
    """Return the verdict of one tipping point row in a few characters."""
    verdict = str(row.get("verdict"))
    words = {
        "crosses": f"at most {_number(row.get('ci_high'))}"
        if row.get("at_most")
        else _crossing(row),
        "several": f"{_crossing(row)} last of several",
        "always": f"always (from {_number(row.get('tipping_point'))})",
        "never_in_range": f"never up to {_number(row.get('longest_measured'))}",
        "wins_only_below": _only_below(row),
    }
    mark = "*" if notes_of(row) else ""
    proven = row.get("proven_from")
    return Cell(
        words.get(verdict, verdict.replace("_", " ")) + mark,
        verdict,
        "" if proven is None else _number(proven),
    )


def describe_comparison(row: Row) -> str:
    """Return what was compared with what: the efficient implementation comes first.

    The best ones are not named: they may differ from length to length.
    """
    kind = str(row.get("comparison"))
    ours, theirs = row.get("efficient_implementation"), row.get("vanilla_implementation")
    vanilla = vanilla_family(row)
    if kind == "pair":
        return f"{ours} vs {vanilla} {theirs}"
    # The vanilla variant stands above the table; its weights, when they are somebody's, do not.
    weights = f" of {vanilla}" if row.get("vanilla_checkpoint") else ""
    return (f"{ours} vs {theirs}" if kind == "like_for_like" else "best vs best") + weights


def build_sections(
    tipping_points: Iterable[Row], distributions: Sequence[LengthDistribution] = ()
) -> list[Section]:
    """Return the answers grouped by modality, phase and setting; lines that agree are merged.

    Args:
        tipping_points: The answers.
        distributions: Lengths of real data, at whose means the ceiling is told.
    """
    rows = list(tipping_points)
    settings = {Setting.of(row) for row in rows}
    groups: dict[tuple[str, str, Setting], list[Row]] = {}
    for row in rows:
        place = (str(row["modality"]), str(row["phase"]), Setting.of(row))
        groups.setdefault(place, []).append(row)
    ordered = sorted(groups, key=lambda place: (rank(place[0]), rank(place[1])))
    return [
        replace(
            _section(place, groups[place], settings),
            ceilings=ceiling_sentences(
                groups[place], [data for data in distributions if data.modality == place[0]]
            ),
        )
        for place in ordered
    ]


def print_sections(sections: Sequence[Section], console: Console) -> None:
    """Print one table per modality and phase, and how to read them."""
    for section in sections:
        # Not a title of the table, which would wrap at the table's width.
        console.print(Text(section.title, style="bold"))
        console.print(_rich_table(section))
        for sentence in section.ceilings:
            console.print(Text(sentence))
        console.print()
    if not sections:
        console.print(NO_ANSWERS)
        return
    legend = [*_legend(sections), *(f"* {note}" for note in _notes(sections)[:MAX_NOTES])]
    console.print(Text("\n".join(legend).replace("`", ""), style="dim"))
    if (left := len(_notes(sections)) - MAX_NOTES) > 0:
        console.print(Text(f"* {left} more in the report", style="dim"))


def sections_as_markdown(sections: Sequence[Section]) -> str:
    """Return the same answers as markdown tables, one per modality and phase."""
    blocks = [_markdown_section(section) for section in sections]
    notes = [*_legend(sections), *(rf"\* {escape_markdown(note)}" for note in _notes(sections))]
    return "\n\n".join(blocks + notes) + "\n"


def _legend(sections: Sequence[Section]) -> list[str]:
    cells = [cell.text for section in sections for line in section.lines for cell in line.cells]
    at_most = [f"`at most`: {AT_MOST}"] if any("at most" in text for text in cells) else []
    return [LEGEND, *at_most, PROVEN, KERNELS, chance_sentence(sections)]


def chance_sentence(sections: Sequence[Section]) -> str:
    """Say what chance alone would decide in tables of so many comparisons."""
    return decided_by_chance(sum(section.num_comparisons for section in sections))


def _notes(sections: Iterable[Section]) -> list[str]:
    return [note for section in sections for note in section.notes]


def _crossing(row: Row) -> str:
    low, high = row.get("ci_low"), row.get("ci_high")
    value = _number(row.get("tipping_point"))
    if row.get("interval_from") is None or finite(low) is None or finite(high) is None:
        return value
    return f"{value} [{_number(low)}-{_number(high)}]"


def _only_below(row: Row) -> str:
    lengths = row.get("lengths") or ()
    wins = [item["length"] for item in lengths if item.get("outcome") == "win"]
    compared = [item["length"] for item in lengths if item.get("outcome") != MISSING]
    later = [length for length in compared if wins and length > max(wins)]
    return f"only below {_number(min(later))}" if later else "only below"


def _number(value: object) -> str:
    number = finite(value)
    return "?" if number is None else f"{number:,.0f}"


def _section(place: tuple[str, str, Setting], rows: list[Row], settings: set[Setting]) -> Section:
    modality, phase, setting = place
    vanilla = " / ".join(sorted(vanilla_names(rows)))
    where = setting.describe(settings) if len(settings) > 1 else ""
    unit = axis_unit(modality)
    compared = sum(row.get("longest_measured") is not None for row in rows)
    lines, notes = tuple(_merged_lines(rows)), tuple(gather_notes(rows))
    return Section(modality, phase, unit, vanilla, where, lines, compared, notes)


def _merged_lines(rows: list[Row]) -> list[Line]:
    verdicts: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        line = verdicts.setdefault((efficient_family(row), describe_comparison(row)), {})
        line[str(row["metric"])] = row
    merged: dict[tuple[str, tuple[Cell, ...]], list[str]] = {}
    for (efficient, comparison), by_metric in verdicts.items():
        merged.setdefault((efficient, _cells(by_metric)), []).append(comparison)
    ordered = sorted(merged.items(), key=lambda item: _first_place(item[0][0], verdicts))
    return [Line(efficient, tuple(names), cells) for (efficient, cells), names in ordered]


def _first_place(efficient: str, verdicts: Mapping[tuple[str, str], object]) -> int:
    return [name for name, _ in verdicts].index(efficient)


def _cells(by_metric: Mapping[str, Row]) -> tuple[Cell, ...]:
    return tuple(
        describe_verdict(by_metric[metric]) if metric in by_metric else Cell(NOT_MEASURED, "")
        for metric in judged_columns()
    )


def _rich_table(section: Section) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2, 0, 0))
    table.add_column("efficient variant")
    for metric in judged_columns():
        table.add_column(metric, no_wrap=True)
    previous = None
    for line in section.lines:
        if line.efficient != previous:
            table.add_row(Text(line.efficient, style="bold"))
        names = "\n".join(f"  {name}" for name in line.comparisons)
        # Said again for each comparison: a blank would look like nothing measured.
        cells = [
            Text("\n".join([cell.text] * len(line.comparisons)), CELL_STYLES.get(cell.verdict, ""))
            for cell in line.cells
        ]
        table.add_row(Text(names), *cells)
        previous = line.efficient
    return table


def _markdown_section(section: Section) -> str:
    names = ("efficient variant", "compared by", *judged_columns())
    rows = [
        (line.efficient, "; ".join(line.comparisons), *(cell.text for cell in line.cells))
        for line in section.lines
    ]
    lines = [f"**{escape_markdown(section.title)}**", "", *markdown_table(names, rows)]
    for sentence in section.ceilings:
        lines += ["", escape_markdown(sentence)]
    return "\n".join(lines)
