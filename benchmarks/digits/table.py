"""Word error rates of spoken digits: a table with paired intervals, curves, and what they say.

Results of seeds that were run elsewhere are kept: a seed is one entry of the result file, with the
errors of every test utterance.
"""

import json
import platform
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.digits.curves import draw_curves
from benchmarks.digits.stages import ROUNDS

RESULTS = Path(__file__).resolve().parents[1] / "results"
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

Seeds = dict[str, dict[str, list[int]]]
"""By seed, by row: word errors of every test utterance, in the order of their names."""


def read_transcripts(path: Path) -> dict[str, list[str]]:
    """Return the words of every recording of a `transcripts.tsv`."""
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    return {name: text.split() for name, text in lines}


def count_errors(references: dict[str, list[str]], hypotheses: dict[str, list[str]]) -> list[int]:
    """Return the word errors of every utterance, in the order of their names."""
    from torchaudio.functional import edit_distance

    return [edit_distance(references[name], hypotheses[name]) for name in sorted(references)]


def resample_ratios(
    errors: NDArray[np.int64], baseline: NDArray[np.int64], seed: int = 0
) -> NDArray[np.float64]:
    """Draw utterances and seeds anew, the same for both systems; return the ratios of their errors.

    Args:
        errors: (seeds, utterances) of one system.
        baseline: The same of the other.
        seed: Of the resampling.

    Returns:
        (resamples,), of resamples in which the baseline has errors.

    Source: Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR".
    """
    random = np.random.default_rng(seed)
    num_seeds, num_utterances = errors.shape
    seeds = random.integers(num_seeds, size=(NUM_RESAMPLES, num_seeds, 1))
    utterances = random.integers(num_utterances, size=(NUM_RESAMPLES, 1, num_utterances))
    ours = errors[seeds, utterances].sum((1, 2))
    theirs = baseline[seeds, utterances].sum((1, 2))
    ratios: NDArray[np.float64] = ours[theirs > 0] / theirs[theirs > 0]
    return ratios


def write_results(out: Path, folder: Path) -> None:
    """Add the seeds that are done in a run directory to the results in a folder, with a table."""
    manifest = json.loads((out / "corpus/manifest.json").read_text())
    corpus = {name: manifest[name] for name in ("format", "settings", "recordings")}
    path = folder / "spoken_digits.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    rounds = {name: asdict(each) for name, each in ROUNDS.items()}
    conditions = {"corpus": corpus, "rounds": rounds}
    if {name: results.get(name) for name in conditions} != json.loads(json.dumps(conditions)):
        results = conditions | {"seeds": {}}
    references = read_transcripts(out / "corpus/test/transcripts.tsv")
    results["words"] = [len(references[name]) for name in sorted(references)]
    for folder in sorted(out.glob("seed-*")):
        found = {
            row: count_errors(references, read_transcripts(transcripts))
            for row in ROWS
            if (transcripts := folder / "transcripts" / row / "transcripts.tsv").exists()
        }
        if len(found) == len(ROWS):
            results["seeds"][folder.name.removeprefix("seed-")] = found
    results |= {"date": date.today().isoformat(), "machine": _machine()}
    path.write_text(json.dumps(results) + "\n")
    if results["seeds"]:
        table = make_table(results["seeds"], results["words"])
        path.with_suffix(".md").write_text(_heading(results) + table)
        draw_curves(out / "tensorboard").savefig(path.with_suffix(".png"), dpi=110)
        print(table)


def make_table(seeds: Seeds, words: list[int]) -> str:
    """Return the table in Markdown: error rates by seed, and against HuBERT with an interval."""
    names = sorted(seeds, key=int)
    lines = [
        f"| model | seed {' | seed '.join(names)} | mean | against HuBERT | says |",
        "|---" * (len(names) + 4) + "|",
    ]
    baseline = np.array([seeds[name][BASELINE] for name in names])
    for row, title in ROWS.items():
        errors = np.array([seeds[name][row] for name in names])
        rates = errors.sum(1) / sum(words)
        cells = [f"{rate:.1%}" for rate in [*rates, rates.mean()]]
        if row == BASELINE:
            comparison = ["", ""]
        else:
            low, high = np.quantile(resample_ratios(errors, baseline), [0.025, 0.975])
            ratio = errors.sum() / max(1, baseline.sum())
            comparison = [f"{ratio:.2f} [{low:.2f}-{high:.2f}]", say(low, high)]
        lines.append(f"| {title} | {' | '.join([*cells, *comparison])} |")
    return "\n".join(lines) + "\n"


def say(low: float, high: float) -> str:
    """Put an interval of the ratio of errors into words."""
    if high <= 1 + TARGET:
        return "better" if high < 1 else "within 5 %"
    if low > 1 + TARGET:
        return "worse"
    return "worse, by how much it cannot tell" if low > 1 else "cannot tell"


def _heading(results: dict[str, Any]) -> str:
    words = results["words"]
    return (
        f"{len(words)} test utterances, {sum(words)} words, {results['date']}, "
        f"{results['machine']}. Ratios of word errors to HuBERT's, with 95 % intervals of a paired "
        f"bootstrap over utterances and seeds.\n\n"
    )


def _machine() -> str:
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{name}, torch {torch.__version__.split('+')[0]}"
