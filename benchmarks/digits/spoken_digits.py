"""The study's table of L-HuBERT in miniature: word error rates on spoken digits, on a CPU.

    python benchmarks/digits/spoken_digits.py --recordings DIR --out runs/spoken_digits

DIR holds short recordings named `digit_speaker_take.wav`, as in the Free Spoken Digit Dataset. The
command may be stopped at any moment: the same one goes on with the next batch. It composes
utterances of several digits, labels them, and then for every seed pre-trains, fine-tunes, converts
and transcribes; what `benchmarks/digits/stages.py` lists. Seeds run side by side, one per core. The
table is that of `benchmarks/digits/table.py`.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.digits.command import make_parser, results_of, run_each, start
from benchmarks.digits.costs import cost_table
from benchmarks.digits.results import write_results
from benchmarks.digits.running import run
from benchmarks.digits.stages import seed_stages, shared_stages
from datamodules.composing.corpus import compose
from datamodules.composing.settings import ComposeSettings
from datamodules.composing.sounds import Augmentation

WHOLE = ComposeSettings(
    words_per_utterance=(8, 12),
    gap_seconds=(0.0, 0.15),
    passes=3,
    test_passes=5,
    augmentation=Augmentation(speeds=(0.9, 1.0, 1.1)),
)
CORPORA = {"corpus": WHOLE, "words": replace(WHOLE, words_per_utterance=(1, 2))}


def prepare(recordings: str, out: Path) -> None:
    """Compose and label what all seeds share."""
    for name, settings in CORPORA.items():
        compose(recordings, str(out / name), settings)
    for stage in shared_stages():
        run(stage, out)


def run_seed(seed: int, given: argparse.Namespace) -> None:
    """Train and transcribe with one seed, and add it to the results."""
    for stage in seed_stages(seed, given.steps, seed in given.from_start):
        run(stage, given.out)
    write_results(given.out, results_of(given))


def measure_costs(folder: Path) -> None:
    """Measure time and memory of a step, and write them into a folder."""
    table = cost_table()
    (folder / "spoken_digits_costs.md").write_text(table)
    print(table)


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = make_parser(__doc__, "runs/spoken_digits", range(8))
    parser.add_argument(
        "--from_start",
        type=int,
        nargs="*",
        default=list(range(4)),
        help="seeds with which L-HuBERT is trained from the start too: two thirds of the time, for "
        "rows that few seeds do not decide (benchmarks/README.md says how many would)",
    )
    parser.add_argument(
        "--costs",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="measure time and memory of a step, with nothing beside",
    )
    return parser


def run_all(given: argparse.Namespace, command: list[str]) -> None:
    """Compose, train and transcribe what is missing, and write the table."""
    prepare(given.recordings, given.out)
    alone = [*command, "--no-costs", "--seeds"]
    run_each(given.seeds, lambda seed: run_seed(seed, given), alone)
    if given.costs:
        measure_costs(results_of(given))


if __name__ == "__main__":
    start(arguments(), run_all)
