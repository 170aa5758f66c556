"""The answers of a modality and phase, as they stand together in a table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from datamodules.lengths import LengthDistribution
from profiling.analysis.points.axes import unit_of
from profiling.analysis.points.checkpoints import short_names, with_names
from profiling.analysis.points.groups import Setting, rank
from profiling.analysis.points.maximum import maximum_text
from profiling.analysis.statistics.many import decided_by_chance
from profiling.report.answers.ladder import ladder_sentences
from profiling.report.answers.sentences import answer_sentences
from profiling.report.answers.shares import share_sentences
from profiling.report.answers.unit_words import describe_unit
from profiling.report.answers.verdicts import Cell, describe_comparison, describe_verdict
from profiling.report.ceilings import ceiling_sentences
from profiling.report.notes import gather_notes
from profiling.report.palette import efficient_family, vanilla_names
from profiling.report.vanilla_models import with_vanilla_marked
from profiling.rows.columns import Row, judged_columns

NOT_MEASURED = "not measured"
Place = tuple[str, str, Setting, str]
"""Modality, phase, setting, and the unit that the answers count in."""


@dataclass(frozen=True)
class Line:
    """One efficient variant, the comparisons that agree about it, a cell per metric.

    Args:
        efficient: Its name, with its window.
        comparisons: What was compared with what.
        cells: Its answers.
        maximum: The longest input that it takes, with its unit; empty where it takes any.
    """

    efficient: str
    comparisons: tuple[str, ...]
    cells: tuple[Cell, ...]
    maximum: str = ""

    @property
    def heading(self) -> str:
        """Return its name, and where it ends."""
        return f"{self.efficient}, not beyond {self.maximum}" if self.maximum else self.efficient


@dataclass(frozen=True)
class Section:
    """All answers of one modality and phase in one setting, on one axis."""

    modality: str
    phase: str
    unit: str
    vanilla: str
    setting: str
    lines: tuple[Line, ...]
    num_comparisons: int = 0
    notes: tuple[str, ...] = ()
    ceilings: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    ladder: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    counted: str = ""
    """In what it counts and why, where that tells it from its modality's other answers."""
    strict: bool = False
    """Whether what chance alone may have decided was left undecided."""

    @property
    def place(self) -> str:
        """Return where its answers hold."""
        where = f" ({self.setting})" if self.setting else ""
        return f"{self.modality}, {self.phase}{where}"

    @property
    def name(self) -> str:
        """Return what the section is about in a few words."""
        return f"{self.place}, {self.counted}" if self.counted else self.place

    @property
    def told(self) -> tuple[str, ...]:
        """Return its answers in plain sentences, the most important first."""
        return (*self.sentences, *self.ladder, *self.shares)

    @property
    def question(self) -> str:
        """Return what the table answers there."""
        return f"from how many {self.unit} on it beats {self.vanilla}"

    @property
    def title(self) -> str:
        """Return both in one line."""
        return f"{self.place}: {self.question}"


def build_sections(
    tipping_points: Iterable[Row],
    distributions: Sequence[LengthDistribution] = (),
    ladder: Iterable[Row] = (),
    checkpoint_names: Mapping[str, str] | None = None,
    strict: bool = False,
) -> list[Section]:
    """Return the answers grouped by modality, phase, setting and axis; lines that agree are merged.

    Args:
        tipping_points: The answers.
        distributions: Lengths of real data, for which ceilings and answers are told.
        ladder: The answers against each vanilla kernel, which are no answers of their own.
        checkpoint_names: Those of the whole run; without them, of the checkpoints in the answers.
        strict: Whether the answers leave undecided what chance alone may have decided.
    """
    told = list(tipping_points), list(ladder)
    names = short_names(chain(*told)) if checkpoint_names is None else checkpoint_names
    named = (with_vanilla_marked(with_names(rows, names)) for rows in told)
    groups, rungs = map(_by_place, named)
    settings = {setting for _, _, setting, _ in groups}
    several = Counter(place[:3] for place in groups)
    sections = []
    for place in sorted(groups, key=lambda place: (rank(place[0]), rank(place[1]))):
        rows = groups[place]
        data = [each for each in distributions if each.modality == place[0]]
        sections.append(
            replace(
                _section(place, rows, settings),
                counted=describe_unit(rows, several[place[:3]] > 1),
                sentences=answer_sentences(rows),
                ladder=ladder_sentences(rungs.get(place, ())),
                shares=share_sentences(rows, data),
                ceilings=ceiling_sentences(rows, data),
                strict=strict,
            )
        )
    return sections


def _by_place(rows: Iterable[Row]) -> dict[Place, list[Row]]:
    groups: dict[Place, list[Row]] = {}
    for row in rows:
        place = (str(row["modality"]), str(row["phase"]), Setting.of(row), unit_of(row))
        groups.setdefault(place, []).append(row)
    return groups


def chance_sentence(sections: Sequence[Section]) -> str:
    """Say what chance alone would decide in tables of so many comparisons."""
    num_comparisons = sum(section.num_comparisons for section in sections)
    return decided_by_chance(num_comparisons, any(section.strict for section in sections))


def _section(place: Place, rows: list[Row], settings: set[Setting]) -> Section:
    modality, phase, setting, unit = place
    vanilla = " / ".join(sorted(vanilla_names(rows)))
    where = setting.describe(settings) if len(settings) > 1 else ""
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
    maxima = {efficient_family(row): maximum_text(row) for row in rows}
    return [
        Line(efficient, tuple(names), cells, maxima[efficient])
        for (efficient, cells), names in ordered
    ]


def _first_place(efficient: str, verdicts: Mapping[tuple[str, str], object]) -> int:
    return [name for name, _ in verdicts].index(efficient)


def _cells(by_metric: Mapping[str, Row]) -> tuple[Cell, ...]:
    return tuple(
        describe_verdict(by_metric[metric]) if metric in by_metric else Cell(NOT_MEASURED, "")
        for metric in judged_columns()
    )
