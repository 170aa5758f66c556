"""The answers of a modality and phase, as they stand together in a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from datamodules.lengths import LengthDistribution
from profiling.analysis.groups import Setting, axis_unit, rank
from profiling.analysis.many import decided_by_chance
from profiling.report.answers.verdicts import Cell, describe_comparison, describe_verdict
from profiling.report.ceilings import ceiling_sentences
from profiling.report.notes import gather_notes
from profiling.report.palette import efficient_family, vanilla_names
from profiling.rows.columns import Row, judged_columns

NOT_MEASURED = "not measured"


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


def chance_sentence(sections: Sequence[Section]) -> str:
    """Say what chance alone would decide in tables of so many comparisons."""
    return decided_by_chance(sum(section.num_comparisons for section in sections))


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
