"""From which window on L-HuBERT knows what was said long ago: a task that needs context.

    python benchmarks/digits/needed_context.py --recordings DIR --out runs/needed_context

DIR holds short recordings named `digit_speaker_take.wav`, as in the Free Spoken Digit Dataset. A
tone and a pause follow every digit of an utterance; in the pause the model must name the first
digit. The command may be stopped at any moment: the same one goes on with the next batch. It
composes, trains a HuBERT on digits with every seed, and then that on the task, with full attention
and with every window; what `benchmarks/digits/context/stages.py` lists. Seeds run side by side, one
per core. The table is that of `benchmarks/digits/context/table.py`.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.digits import spoken_digits
from benchmarks.digits.context.answers import listen
from benchmarks.digits.context.labels import write_labels
from benchmarks.digits.context.results import write_results
from benchmarks.digits.context.stages import LABELS, MODELS, context_stages
from benchmarks.digits.running import run, silence_lightning
from benchmarks.digits.side_by_side import run_side_by_side
from benchmarks.digits.table import RESULTS
from datamodules.composing.corpus import ComposeSettings, compose
from datamodules.composing.questions import Questions

FAR = replace(
    spoken_digits.WHOLE,
    words_per_utterance=(3, 8),
    passes=6,
    test_passes=4,
    questions=Questions(),
)
NEAR = replace(FAR, words_per_utterance=(1, 3), passes=4, test_passes=1)


def prepare(given: argparse.Namespace, out: Path) -> None:
    """Compose and label what all seeds share: digits alone, then with questions."""
    spoken_digits.prepare(given, out)
    prepare_questions(given.recordings, out, {"near": NEAR, "far": FAR})


def prepare_questions(recordings: str, out: Path, corpora: dict[str, ComposeSettings]) -> None:
    """Compose utterances with questions, and label their frames."""
    for name, settings in corpora.items():
        compose(recordings, str(out / name), settings)
        for split in LABELS.values():
            write_labels(out / name, split, out / f"answers-{name}" / split)


def run_seed(seed: int, given: argparse.Namespace, out: Path) -> None:
    """Train and ask with one seed, and add it to the results."""
    for stage in context_stages(seed, given.steps):
        run(stage, out)
    answer(seed, out)
    write_results(out, RESULTS if given.steps == 1.0 else out)


def answer(seed: int, out: Path) -> None:
    """Let every model of a seed answer the questions of the test utterances."""
    for model in MODELS:
        folder = out / f"seed-{seed}"
        weights = folder / model.name / "far/exported"
        listen(model, weights, out / "far", folder / "heard" / f"{model.name}.json")


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", required=True, help="folder of digit_speaker_take.wav")
    parser.add_argument("--out", default="runs/needed_context", help="run directory")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument(
        "--steps",
        type=float,
        default=1.0,
        help="share of all training steps; the results of a trial stay in OUT, which should be new",
    )
    return parser.parse_args()


def main() -> None:
    """Compose, train and ask what is missing, and write the table."""
    given = read_arguments()
    sys.argv = sys.argv[:1]
    silence_lightning()
    out = Path(given.out)
    prepare(given, out)
    if len(given.seeds) > 1 and len(os.sched_getaffinity(0)) > 1:
        shared = ["--recordings", given.recordings, "--out", given.out, "--steps", str(given.steps)]
        if status := run_side_by_side([__file__, *shared, "--seeds"], given.seeds):
            sys.exit(status)
    else:
        for seed in given.seeds:
            run_seed(seed, given, out)


if __name__ == "__main__":
    main()
