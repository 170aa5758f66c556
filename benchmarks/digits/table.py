"""Word error rates of spoken digits: a table with paired intervals, and what they say."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.digits.intervals import error_over_seeds, interval_of
from benchmarks.digits.power import WANTED, Experiment, find_scatter, needed, power

BASELINE = "hubert"
NUM_RESAMPLES = 10_000
TARGET = 0.05  # of DESIGN: L-HuBERT within 5 % of HuBERT, relative
ROWS = {
    "hubert": "HuBERT",
    "lhubert-w100-converted": "L-HuBERT, window 100, converted, no further training",
    "lhubert-w100-trained": "L-HuBERT, window 100, converted, then fine-tuned more",
    "lhubert-w100": "L-HuBERT, window 100, from the start",
    "lhubert-w32-converted": "L-HuBERT, window 32, converted, no further training",
    "lhubert-w32-trained": "L-HuBERT, window 32, converted, then fine-tuned more",
    "lhubert-w32": "L-HuBERT, window 32, from the start",
    "lhubert-w2-converted": "control: window 2, converted, no further training",
}

CONTROL = "lhubert-w2-converted"
FROM_START = ("lhubert-w100", "lhubert-w32")  # rows that not every seed has

Seeds = dict[str, dict[str, list[list[int]]]]
"""By seed, by row that it has: word errors of every test recording in all utterances with it."""


def resample_ratios(
    errors: NDArray[np.int64], baseline: NDArray[np.int64], seed: int = 0
) -> NDArray[np.float64]:
    """Draw recordings and seeds anew, the same for both systems; return the ratios of their errors.

    A recording is drawn with all utterances that have it, because its errors in them are alike.

    Args:
        errors: (seeds, recordings) of one system, or (seeds, recordings, compositions).
        baseline: The same of the other.
        seed: Of the resampling.

    Returns:
        (resamples,), of resamples in which the baseline has errors.

    Source: Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR".
    """
    random = np.random.default_rng(seed)
    errors, baseline = (each.reshape(*each.shape[:2], -1).sum(2) for each in (errors, baseline))
    num_seeds, num_recordings = errors.shape
    seeds = random.integers(num_seeds, size=(NUM_RESAMPLES, num_seeds, 1))
    recordings = random.integers(num_recordings, size=(NUM_RESAMPLES, 1, num_recordings))
    ours = errors[seeds, recordings].sum((1, 2))
    theirs = baseline[seeds, recordings].sum((1, 2))
    ratios: NDArray[np.float64] = ours[theirs > 0] / theirs[theirs > 0]
    return ratios


def make_table(seeds: Seeds) -> str:
    """Return the table in Markdown: error rates by seed, and against HuBERT with an interval."""
    names = sorted(seeds, key=int)
    lines = [
        f"| model | seed {' | seed '.join(names)} | mean | against HuBERT | says | power |",
        "|---" * (len(names) + 5) + "|",
    ]
    for row, title in ROWS.items():
        if not (found := having(seeds, row)):
            continue
        errors = errors_of(found, row)
        rates = dict(zip(sorted(found, key=int), errors.mean((1, 2)), strict=True))
        cells = [f"{rates[name]:.1%}" if name in rates else "" for name in names]
        cells.append(f"{errors.mean():.1%}")
        is_baseline = row == BASELINE
        comparison = [""] * 3 if is_baseline else _compare(errors, errors_of(found, BASELINE))
        lines.append(f"| {title} | {' | '.join([*cells, *comparison])} |")
    return "\n".join(lines) + "\n"


def having(seeds: Seeds, row: str) -> Seeds:
    """Return the seeds that have a row: not all are trained from the start."""
    return {name: rows for name, rows in seeds.items() if row in rows}


def _compare(errors: NDArray[np.int64], baseline: NDArray[np.int64]) -> list[str]:
    """Return the ratio with its interval, what it says, and what it could have said."""
    ratio = errors.sum() / max(1, baseline.sum())
    resampled = resample_ratios(errors, baseline)
    if not errors.sum() or not baseline.sum():
        return [f"{ratio:.2f}", "too few errors", ""]
    error = error_over_seeds(errors, baseline)
    low, high = interval_of(ratio, resampled, error)
    found = "" if len(errors) < 2 else f"{power(error.value, TARGET, error.freedom):.0%}"
    return [f"{ratio:.2f} [{low:.2f}-{high:.2f}]", say(low, high), found]


def errors_of(seeds: Seeds, row: str) -> NDArray[np.int64]:
    """Return the errors of a row, (seeds, recordings, compositions), seeds in their order."""
    return np.array([seeds[name][row] for name in sorted(seeds, key=int)])


def describe_power(seeds: Seeds) -> str:
    """Say in sentences what the rows could show, and what it would take to show more.

    "Power" in the table is the probability that a model with HuBERT's own error rate is shown to be
    within the target.
    """
    if len(seeds) < 2:
        return "One seed: how far seeds lie apart is not known.\n\n"
    rows = [row for row in ROWS if row not in (BASELINE, CONTROL)]
    lines = [
        "Power is the probability that a model which errs as often as HuBERT is shown to be "
        f"within {TARGET:.0%}. For {WANTED:.0%} it takes, all else as it is:\n\n"
        "| model | seeds | words | utterances per word |\n|---|---|---|---|\n"
    ]
    for row in rows:
        found = having(seeds, row)
        errors = errors_of(found, row)
        if len(found) > 1 and errors.sum():
            baseline = errors_of(found, BASELINE)
            scatter, there = find_scatter(errors, baseline), Experiment(*baseline.shape)
            counts = [
                needed(scatter, there, name, TARGET)
                for name in ("seeds", "recordings", "compositions")
            ]
            cells = ["no number" if count is None else f"{count:,}" for count in counts]
            lines.append(f"| {ROWS[row]} | {' | '.join(cells)} |\n")
    return "".join([*lines, "\n"])


def say(low: float, high: float) -> str:
    """Put an interval of the ratio of errors into words."""
    if high <= 1 + TARGET:
        return "better" if high < 1 else "within 5 %"
    if low > 1 + TARGET:
        return "worse"
    return "worse, by how much it cannot tell" if low > 1 else "cannot tell"
