"""Word error rates of speakers who were never heard: a table, intervals, and what they can say."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.digits.errors import errors_of_recordings, read_transcripts
from benchmarks.digits.intervals import error_over_speakers, interval_of
from benchmarks.digits.power import power
from benchmarks.digits.results import describe_machine
from benchmarks.digits.speakers.folds import DEFAULT, Recipe, one_at_a_time
from benchmarks.digits.table import BASELINE, CONTROL, FROM_START, NUM_RESAMPLES, TARGET, say
from benchmarks.digits.table import ROWS as ALL_ROWS

NAME = "unseen_speakers"
ROWS = {row: title for row, title in ALL_ROWS.items() if row not in FROM_START}
WANTED_RATE = 0.5  # of HuBERT: above it, a table would compare guesses

Errors = list[NDArray[np.int64]]
"""By speaker, (seeds, recordings, compositions): word errors of one system."""
Folds = dict[str, dict[str, dict[str, list[list[int]]]]]
"""By speaker, by seed, by row: word errors of every test recording in all utterances with it."""


def resample_speakers(errors: Errors, baseline: Errors, seed: int = 0) -> NDArray[np.float64]:
    """Draw speakers anew, and of each its seeds and recordings, the same for both systems.

    Args:
        errors: Of one system.
        baseline: Of the other, the same speakers, seeds and recordings.
        seed: Of the resampling.

    Returns:
        (resamples,) ratios of errors, of resamples in which the baseline has errors.

    Source: Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR".
    """
    random = np.random.default_rng(seed)
    drawn = random.integers(len(errors), size=(NUM_RESAMPLES, len(errors)))
    ours, theirs = np.zeros(NUM_RESAMPLES), np.zeros(NUM_RESAMPLES)
    for number, both in enumerate(zip(errors, baseline, strict=True)):
        mine, other = (each.sum(2) for each in both)
        resample, _ = np.nonzero(drawn == number)  # a speaker drawn twice is two draws
        seeds, recordings = (
            random.multinomial(size, np.full(size, 1 / size), len(resample)) for size in mine.shape
        )
        for total, found in ((ours, mine), (theirs, other)):
            np.add.at(total, resample, ((seeds @ found) * recordings).sum(1))
    return ours[theirs > 0] / theirs[theirs > 0]


def write_results(out: Path, folder: Path, recipe: Recipe = DEFAULT) -> None:
    """Add the folds that are done in a run directory to the results in a folder, with a table."""
    with one_at_a_time(out):  # folds that run side by side end when they like
        path = folder / f"{NAME}.json"
        results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        for corpus in sorted(out.glob("*/corpus/manifest.json")):
            results = _add_speaker(results, corpus.parent, recipe)
        results |= {"date": date.today().isoformat(), "machine": describe_machine()}
        path.write_text(json.dumps(results) + "\n")
        if results.get("folds"):
            table = make_table(results["folds"])
            path.with_suffix(".md").write_text(_heading(results) + table)
            print(table)


def _add_speaker(results: dict[str, Any], corpus: Path, recipe: Recipe) -> dict[str, Any]:
    """Add the folds of one speaker; results of other recordings, sounds or rounds are dropped."""
    manifest = json.loads((corpus / "manifest.json").read_text())
    (speaker,) = manifest["settings"].pop("test_speakers")
    conditions = {name: manifest[name] for name in ("format", "settings", "recordings")}
    conditions["rounds"] = {name: asdict(each) for name, each in recipe.rounds.items()}
    if {name: results.get(name) for name in conditions} != json.loads(json.dumps(conditions)):
        results = conditions | {"folds": {}}
    references = read_transcripts(corpus / "test/transcripts.tsv")
    for folder in sorted(corpus.parent.glob("seed-*")):
        found = {
            row: errors_of_recordings(
                manifest["utterances"]["test"], references, read_transcripts(transcripts)
            )
            for row in ROWS
            if (transcripts := folder / "transcripts" / row / "transcripts.tsv").exists()
        }
        if {BASELINE, CONTROL} <= found.keys():  # the others are not trained in every trial
            seeds = results["folds"].setdefault(speaker, {})
            seeds[folder.name.removeprefix("seed-")] = found
    return results


def make_table(folds: Folds) -> str:
    """Return the table in Markdown: error rates by speaker, and against HuBERT with an interval."""
    speakers = sorted(folds)
    lines = [
        f"| model | {' | '.join(speakers)} | mean | against HuBERT | says | power |",
        "|---" * (len(speakers) + 5) + "|",
    ]
    baseline = errors_of(folds, BASELINE)
    for row, title in rows_of(folds).items():
        errors = errors_of(folds, row)
        rates = [each.mean() for each in errors]
        cells = [f"{rate:.1%}" for rate in [*rates, np.mean(rates)]]
        comparison = [""] * 3 if row == BASELINE else _compare(errors, baseline)
        lines.append(f"| {title} | {' | '.join([*cells, *comparison])} |")
    return "\n".join(lines) + "\n"


def rows_of(folds: Folds) -> dict[str, str]:
    """Return the rows that all folds have, with their titles."""
    all_seeds = [rows for seeds in folds.values() for rows in seeds.values()]
    return {row: title for row, title in ROWS.items() if all(row in rows for rows in all_seeds)}


def errors_of(folds: Folds, row: str) -> Errors:
    """Return the errors of a row, speakers and their seeds in order."""
    return [
        np.array([seeds[seed][row] for seed in sorted(seeds, key=int)])
        for _, seeds in sorted(folds.items())
    ]


def _compare(errors: Errors, baseline: Errors) -> list[str]:
    """Return the ratio with its interval, what it says, and what it could have said."""
    ratio = sum(each.sum() for each in errors) / max(1, sum(each.sum() for each in baseline))
    ratios = resample_speakers(errors, baseline)
    if len(errors) < 2 or not len(ratios) or not ratios.min():
        return [f"{ratio:.2f}", "one speaker" if len(errors) < 2 else "too few errors", ""]
    error = error_over_speakers(errors, baseline)
    low, high = interval_of(ratio, ratios, error)
    if np.mean([each.mean() for each in baseline]) >= WANTED_RATE:
        return [f"{ratio:.2f} [{low:.2f}-{high:.2f}]", "nothing: HuBERT guesses", ""]
    could = power(error.value, TARGET, error.freedom)
    return [f"{ratio:.2f} [{low:.2f}-{high:.2f}]", say(low, high), f"{could:.0%}"]


def _heading(results: dict[str, Any]) -> str:
    """Say what was heard, what the numbers are, and whether they mean anything."""
    folds: Folds = results["folds"]
    baseline = errors_of(folds, BASELINE)
    words = ", ".join(str(each.shape[1]) for each in baseline)
    seeds = ", ".join(str(len(each)) for each in baseline)
    rate = float(np.mean([each.mean() for each in baseline]))
    control = sum(map(np.sum, errors_of(folds, CONTROL))) / max(1, sum(map(np.sum, baseline)))
    return (
        f"Speakers left out one at a time: {', '.join(sorted(folds))}; {words} test words, each in "
        f"{baseline[0].shape[2]} utterances, {seeds} seeds, {results['date']}, "
        f"{results['machine']}. k-means, pre-training and fine-tuning heard the others alone. "
        f"Ratios of word errors to HuBERT's, with 95 % intervals of a paired bootstrap over "
        f"speakers, and within each over recordings and seeds, widened because speakers are few. "
        f"Power is the probability that a model which errs as "
        f"often as HuBERT is shown to be within {TARGET:.0%}. HuBERT's {rate:.1%} is "
        f"{'below' if rate < WANTED_RATE else 'not below'} {WANTED_RATE:.0%}; the control errs "
        f"{control:.2f} times as often.\n\n"
    )
