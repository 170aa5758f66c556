"""The study's table of L-HuBERT in miniature: word error rates on spoken digits, on a CPU.

    python benchmarks/digits/spoken_digits.py --recordings DIR --out runs/spoken_digits

DIR holds short recordings named `digit_speaker_take.wav`, as in the Free Spoken Digit Dataset. The
command may be stopped at any moment: the same one goes on with the next batch. It composes
utterances of several digits, labels them, and then for every seed pre-trains, fine-tunes, converts
and transcribes; what `benchmarks/digits/stages.py` lists. Seeds run side by side, one per core. The
table is that of `benchmarks/digits/table.py`.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.digits.costs import cost_table
from benchmarks.digits.running import run, silence_lightning
from benchmarks.digits.side_by_side import run_side_by_side
from benchmarks.digits.stages import seed_stages, shared_stages
from benchmarks.digits.table import RESULTS, write_results
from datamodules.composing.corpus import ComposeSettings, compose
from datamodules.composing.sounds import Augmentation

WHOLE = ComposeSettings(
    words_per_utterance=(8, 12),
    gap_seconds=(0.0, 0.15),
    passes=3,
    test_passes=5,
    augmentation=Augmentation(speeds=(0.9, 1.0, 1.1)),
)
WORDS = replace(WHOLE, words_per_utterance=(1, 2))


def prepare(given: argparse.Namespace, out: Path) -> None:
    """Compose and label what all seeds share."""
    compose(given.recordings, str(out / "corpus"), WHOLE)
    compose(given.recordings, str(out / "words"), WORDS)
    for stage in shared_stages():
        run(stage, out)


def run_seed(seed: int, given: argparse.Namespace, out: Path) -> None:
    """Train and transcribe with one seed, and add it to the results."""
    for stage in seed_stages(seed, given.steps, seed in given.from_start):
        run(stage, out)
    write_results(out, results_of(given))


def results_of(given: argparse.Namespace) -> Path:
    """Return where results go: those of a trial stay where it ran."""
    return RESULTS if given.steps == 1.0 else Path(given.out)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", required=True, help="folder of digit_speaker_take.wav")
    parser.add_argument("--out", default="runs/spoken_digits", help="run directory")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(range(8)))
    parser.add_argument(
        "--from_start",
        type=int,
        nargs="*",
        default=list(range(4)),
        help="seeds with which L-HuBERT is trained from the start too: two thirds of the time, for "
        "rows that would take some 30 seeds (benchmarks/README.md)",
    )
    parser.add_argument(
        "--steps",
        type=float,
        default=1.0,
        help="share of all training steps; the results of a trial stay in OUT, which should be new",
    )
    parser.add_argument(
        "--costs",
        action="store_true",
        help="measure time and memory of a step, with nothing beside",
    )
    return parser.parse_args()


def main() -> None:
    """Compose, train and transcribe what is missing, and write the table."""
    given = read_arguments()
    sys.argv = sys.argv[:1]
    silence_lightning()
    out = Path(given.out)
    prepare(given, out)
    if len(given.seeds) > 1 and len(os.sched_getaffinity(0)) > 1:
        shared = ["--recordings", given.recordings, "--out", given.out, "--steps", str(given.steps)]
        shared += ["--from_start", *map(str, given.from_start)]
        if status := run_side_by_side([__file__, *shared, "--seeds"], given.seeds):
            sys.exit(status)
    else:
        for seed in given.seeds:
            run_seed(seed, given, out)
    if given.costs:
        table = cost_table()
        (results_of(given) / "spoken_digits_costs.md").write_text(table)
        print(table)


if __name__ == "__main__":
    main()
