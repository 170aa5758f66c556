"""What a reader must know before the answers: gaps, failures, disturbed visits, a drift."""

from collections.abc import Iterable, Sequence
from statistics import median

from datamodules.counted import counted
from lightning_modules.allocator import MOST_FAULTS
from lightning_modules.variants import VARIANTS
from profiling.analysis.points.axes import axis_unit, row_length
from profiling.analysis.points.components import PACKING
from profiling.analysis.points.drift import FEWEST_READINGS, Steadiness
from profiling.analysis.points.groups import Contender, Setting
from profiling.analysis.points.readings import finite
from profiling.report.answers.verdicts import listed
from profiling.report.rounding import number_of, percent_of
from profiling.rows.columns import Row, judged_columns

NO_NUMBER = ("error", "skipped")
# Fresh pages of a median step, at batch size 1 and at that of the throughput.
# What a page takes to clear, and the part of a step from which on a reader must know of it.
PAGE_MS, LEAST_SHARE = 1e-3, 0.01


def cautions_of(
    rows: Iterable[Row], steadiness: Steadiness, left_alone: Sequence[str] = ()
) -> list[str]:
    """Return sentences for below the table, none where all was calm.

    Args:
        rows: The measurements that count.
        steadiness: What the sentinel says of the same run.
        left_alone: Modalities and phases for which the sweep had no time, as "text training".
    """
    rows = list(rows)
    return [
        *_left_alone(rows, left_alone),
        *_without_number(rows),
        *_disturbed(rows),
        *_unwatched(rows),
        *_faulting(rows),
        *_drifted(steadiness),
        *_of_variants(rows),
        *_without_rung(rows),
    ]


def _left_alone(rows: Iterable[Row], names: Sequence[str]) -> list[str]:
    """Return a sentence about what was asked for and has no row."""
    measured = {f"{row.get('modality')} {row.get('phase')}" for row in rows}
    missing = [name for name in names if name not in measured]
    if not missing:
        return []
    return [
        f"There was no time for {listed(missing)}: the same command with a larger `time_budget_s` "
        "continues from here."
    ]


def _without_number(rows: Sequence[Row]) -> list[str]:
    """Return a sentence about each contender that failed everywhere: no answer names it.

    In each setting for itself: what works on one device may fail on another.
    """
    found: dict[tuple[str, str, Setting, str], list[Row]] = {}
    for row in rows:
        where = str(row.get("modality")), str(row.get("phase")), Setting.of(row)
        found.setdefault((*where, Contender.of(row).label), []).append(row)
    settings = {setting for _, _, setting, _ in found}
    return [
        f"No number of {name} in {modality}, {phase}{_in_brackets(setting.describe(settings))}: "
        f"{_reason(visits)}."
        for (modality, phase, setting, name), visits in found.items()
        if all(map(_is_failed, visits))
    ]


def _in_brackets(words: str) -> str:
    return f" ({words})" if words else ""


def _is_failed(row: Row) -> bool:
    """Tell whether a visit gave nothing; one that failed late keeps what it had by then."""
    values = (finite(row.get(column.name)) for column in judged_columns().values())
    return row.get("status") in NO_NUMBER and all(value is None for value in values)


def _reason(visits: Iterable[Row]) -> str:
    """Return why visits failed, in the first line of the first that says it."""
    told = next((str(row["error"]) for row in visits if row.get("error")), "nobody knows why")
    return next(iter(told.splitlines()), told).rstrip(". ")


def _of_variants(rows: Iterable[Row]) -> list[str]:
    """Return what the registry says that numbers alone do not."""
    measured = {(row.get("modality"), row.get("variant")) for row in rows}
    return [
        f"The variant {name} {variant.caution}."
        for modality, variants in VARIANTS.items()
        for name, variant in variants.items()
        if variant.caution and (modality, name) in measured
    ]


def _without_rung(rows: Iterable[Row]) -> list[str]:
    """Return a sentence about each kernel that batches of one length cannot show."""
    measured = dict.fromkeys(str(row.get("implementation")) for row in rows)
    return [
        f"The ladder does not compare with `{name}`, which saves nothing but padding: the samples "
        "of a measured batch have one length. `profile.py advise` tells what it saves on your data."
        for name in measured
        if name in PACKING
    ]


def _disturbed(rows: Iterable[Row]) -> list[str]:
    visits = [row for row in rows if row.get("status") != "skipped"]
    disturbed = sum(bool(row.get("disturbed")) for row in visits)
    if not disturbed:
        return []
    return [
        f"Other processes disturbed {disturbed:,} of {counted(len(visits), 'visit')}: their "
        "times are left out where at least two undisturbed visits remain, and elsewhere the "
        "length is a tie until the same command has measured it again."
    ]


def _unwatched(rows: Iterable[Row]) -> list[str]:
    """Return a sentence about visits of which nobody knows what others took.

    Those on macOS, which does not tell it, and those that are older than the question.
    """
    timed = [row for row in rows if finite(row.get("latency_ms")) is not None]
    unwatched = sum(row.get("others_cpu_share") is None for row in timed)
    if not unwatched:
        return []
    return [
        f"In {unwatched:,} of {counted(len(timed), 'visit')} it is unknown what other processes "
        "took of the CPU: none of these can count as disturbed."
    ]


def _faulting(rows: Iterable[Row]) -> list[str]:
    """Return a sentence about visits whose steps took fresh pages although memory was kept."""
    timed = [row for row in rows if finite(row.get("latency_ms")) is not None]
    kept = [r for r in timed if (r.get("device"), r.get("allocator")) == ("cpu", "kept")]
    shares = {place: _share_of_clearing(row) for place, row in enumerate(kept)}
    faulting = {place: share for place, share in shares.items() if share > LEAST_SHARE}
    if not faulting:
        return []
    worst = max(faulting, key=lambda place: faulting[place])
    return [
        f"In {len(faulting):,} of {counted(len(kept), 'visit')} that keep freed memory, clearing "
        f"fresh pages took more than {percent_of(LEAST_SHARE)} of a step (about "
        f"{percent_of(faulting[worst])} of {name_point(kept[worst])}), and its time contains that."
    ]


def _share_of_clearing(row: Row) -> float:
    """Return what part of a step it takes to clear fresh pages, where more of it did."""
    latencies = row.get("throughput_latency_ms_samples") or []
    steps = {
        "page_faults_per_step": finite(row.get("latency_ms")),
        "throughput_page_faults_per_step": median(latencies) if latencies else None,
    }
    faults = {name: finite(row.get(name)) or 0.0 for name in steps}
    return max(
        PAGE_MS * faults[name] / step_ms if step_ms and faults[name] > MOST_FAULTS else 0.0
        for name, step_ms in steps.items()
    )


def _drifted(steadiness: Steadiness) -> list[str]:
    if not steadiness.exceeds_answers:
        return []
    drift, width = steadiness.drift, steadiness.width
    assert drift is not None
    assert width is not None
    return [
        f"The machine drifted by a factor of {number_of(drift, (1.0, width), 2)}, and the answers' "
        f"intervals are typically only a factor of {number_of(width, (1.0, drift), 2)} wide: an "
        "answer compares visits in "
        "pairs, so that slow drift cancels, but in a comparison of lengths or of runs it does not."
    ]


def describe_steadiness(steadiness: Steadiness) -> list[str]:
    """Return what was read and how far it drifted, in a sentence per sentinel and one of both."""
    names = sentinel_names(steadiness)
    sentences = [
        _describe_series(name, series)
        for name, series in zip(names, steadiness.series, strict=True)
    ]
    if steadiness.drift is None:
        sentences.append(f"A drift shows from {FEWEST_READINGS} undisturbed readings on.")
    else:
        drift = number_of(steadiness.drift, (1.0,), 2)
        sentences.append(f"The machine drifted by a factor of {drift}.")
    return sentences


def _describe_series(name: str, series: Sequence[Row]) -> str:
    disturbed = sum(bool(row.get("disturbed")) for row in series)
    calm = f", {disturbed:,} of them disturbed" if disturbed else ""
    return f"The sentinel, {name}, was measured {counted(len(series), 'time')}{calm}."


def sentinel_names(steadiness: Steadiness) -> list[str]:
    """Return of what each series is: with its conditions, where series differ in them."""
    first = [series[0] for series in steadiness.series]
    settings = {Setting.of(row) for row in first}
    return [
        name_point(row) + _in_brackets(Setting.of(row).describe(settings))
        if len(settings) > 1
        else name_point(row)
        for row in first
    ]


def name_point(row: Row) -> str:
    """Return what a row is a measurement of, in a few words."""
    modality = str(row.get("modality"))
    length = row_length(row)
    where = "" if length is None else f" at {length:,} {axis_unit(modality)}"
    return f"{Contender.of(row).label} in {row.get('phase')}{where}"
