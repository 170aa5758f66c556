"""The second table of spoken digits: word error rates of speakers who were never heard, on a CPU.

    python benchmarks/digits/unseen_speakers.py --recordings DIR --out runs/unseen_speakers

DIR holds short recordings named `digit_speaker_take.wav`, as in the Free Spoken Digit Dataset. Each
speaker is left out once: everything is learnt from the others, with voices changed in many ways,
and the one left out is transcribed. A speaker and a seed are a fold; folds run side by side, one
per core. The command may be stopped at any moment: the same one goes on with the next batch.
"""

import argparse
import os
import sys
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.digits.running import run, silence_lightning
from benchmarks.digits.side_by_side import run_side_by_side
from benchmarks.digits.speakers.folds import MEANS, Fold, Recipe, fold_stages, list_folds, prepare
from benchmarks.digits.speakers.table import write_results
from benchmarks.digits.table import RESULTS


def run_fold(fold: Fold, given: argparse.Namespace) -> None:
    """Compose what is missing, train and transcribe one fold, and add it to the results."""
    out = Path(given.out)
    recipe = Recipe(tuple(given.means))
    prepare(fold.speaker, given.recordings, out / fold.speaker, recipe.whole)
    for stage in fold_stages(fold, given.steps, recipe, given.few):
        run(stage, out / fold.speaker)
    write_results(out, results_of(given), recipe)


def results_of(given: argparse.Namespace) -> Path:
    """Return where results go: those of a trial stay where it ran."""
    is_whole = given.steps == 1.0 and tuple(given.means) == MEANS and not given.few
    return RESULTS if is_whole else Path(given.out)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", required=True, help="folder of digit_speaker_take.wav")
    parser.add_argument("--out", default="runs/unseen_speakers", help="run directory")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument(
        "--steps",
        type=float,
        default=1.0,
        help="share of all training steps; the results of a trial stay in OUT, which should be new",
    )
    parser.add_argument(
        "--means",
        nargs="*",
        choices=MEANS,
        default=list(MEANS),
        help="what is changed in voices and in the model, to see what each is worth; the results "
        "of fewer than all stay in OUT, which should be new",
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
    return parser.parse_args()


def main() -> None:
    """Run the folds that are missing, and write the table."""
    given = read_arguments()
    sys.argv = sys.argv[:1]
    silence_lightning()
    folds = given.folds or list_folds(given.recordings, given.seeds)
    if len(folds) > 1 and len(os.sched_getaffinity(0)) > 1:
        shared = ["--recordings", given.recordings, "--out", given.out, "--steps", str(given.steps)]
        shared += ["--means", *given.means, *(["--few"] if given.few else [])]
        names = [fold.name for fold in folds]
        if status := run_side_by_side([__file__, *shared, "--folds"], names):
            sys.exit(status)
    else:
        for fold in folds:
            run_fold(fold, given)


if __name__ == "__main__":
    main()
