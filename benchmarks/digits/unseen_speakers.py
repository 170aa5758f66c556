"""The second table of spoken digits: word error rates of speakers who were never heard, on a CPU.

    python benchmarks/digits/unseen_speakers.py --recordings DIR --out runs/unseen_speakers

DIR holds short recordings named `digit_speaker_take.wav`, as in the Free Spoken Digit Dataset. Each
speaker is left out once: everything is learnt from the others, with words slower and faster,
and the one left out is transcribed. A speaker and a seed are a fold; folds run side by side, one
per core. The command may be stopped at any moment: the same one goes on with the next batch.
"""

import argparse
import sys
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.digits.command import make_parser, results_of, run_each, start
from benchmarks.digits.running import run
from benchmarks.digits.speakers.folds import (
    CHOSEN,
    MEANS,
    Fold,
    Recipe,
    fold_stages,
    list_folds,
    prepare,
)
from benchmarks.digits.speakers.table import write_results


def run_fold(fold: Fold, given: argparse.Namespace) -> None:
    """Compose what is missing, train and transcribe one fold, and add it to the results."""
    recipe = Recipe(tuple(given.means))
    folder = given.out / fold.speaker
    prepare(fold.speaker, given.recordings, folder, recipe.whole)
    for stage in fold_stages(fold, given.steps, recipe, given.few):
        run(stage, folder)
    write_results(given.out, results_of(given, is_whole(given)), recipe)


def is_whole(given: argparse.Namespace) -> bool:
    """Tell whether the means of the table and all models are asked for."""
    return tuple(given.means) == CHOSEN and not given.few


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = make_parser(__doc__, "runs/unseen_speakers", (0, 1))
    parser.add_argument(
        "--means",
        nargs="*",
        choices=MEANS,
        default=list(CHOSEN),
        help="what is changed in voices and in the model, to see what each is worth; the results "
        "of others than the default stay in OUT, which should be new",
    )
    parser.add_argument(
        "--few", action="store_true", help="HuBERT and the control alone, to compare means"
    )
    parser.add_argument(
        "--folds",
        type=Fold.read,
        nargs="*",
        help="these alone, as in theo:0 for the speaker theo and seed 0; all by default",
    )
    return parser


def run_all(given: argparse.Namespace, command: list[str]) -> None:
    """Run the folds that are missing, and write the table."""
    folds = given.folds or list_folds(given.recordings, given.seeds)
    names = [fold.name for fold in folds]
    run_each(names, lambda name: run_fold(Fold.read(name), given), [*command, "--folds"])


if __name__ == "__main__":
    start(arguments(), run_all)
