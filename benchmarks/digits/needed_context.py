"""From which window on L-HuBERT knows what was said long ago: a task that needs context.

    python benchmarks/digits/needed_context.py --recordings DIR --out runs/needed_context

DIR holds short recordings named `digit_speaker_take.wav`, as in the Free Spoken Digit Dataset. A
tone and a pause follow every digit of an utterance; in the pause the model must name the first
digit. The command may be stopped at any moment: the same one goes on with the next batch. It
composes, trains a HuBERT on digits with every seed, and then that on the task, with full attention
and with every window; what `benchmarks/digits/context/stages.py` lists. With `--digits` it takes
the HuBERT of the same seed that `spoken_digits.py` trained. Seeds run side by side, one per core.
The table is that of `benchmarks/digits/context/table.py`.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.digits import spoken_digits
from benchmarks.digits.command import make_parser, results_of, run_each, start
from benchmarks.digits.context.answers import listen
from benchmarks.digits.context.labels import write_labels
from benchmarks.digits.context.results import write_results
from benchmarks.digits.context.reuse import validate_corpora, validate_trained
from benchmarks.digits.context.stages import LABELS, MODELS, context_stages
from benchmarks.digits.running import run
from datamodules.composing.corpus import compose
from datamodules.composing.questions import Questions
from datamodules.composing.settings import ComposeSettings

FAR = replace(
    spoken_digits.WHOLE,
    words_per_utterance=(3, 8),
    passes=6,
    test_passes=4,
    questions=Questions(),
)
NEAR = replace(FAR, words_per_utterance=(1, 3), passes=4, test_passes=1)


def prepare(given: argparse.Namespace) -> None:
    """Compose and label what all seeds share: digits alone, unless they are given, and questions.

    Raises:
        DataError: The digits that are given are not those with which the task begins.
    """
    if given.digits is None:
        spoken_digits.prepare(given.recordings, given.out)
    else:
        validate_corpora(given.digits, given.recordings, spoken_digits.CORPORA)
        validate_trained(given.digits, given.seeds, given.steps)
    prepare_questions(given.recordings, given.out, {"near": NEAR, "far": FAR})


def prepare_questions(recordings: str, out: Path, corpora: dict[str, ComposeSettings]) -> None:
    """Compose utterances with questions, and label their frames."""
    for name, settings in corpora.items():
        compose(recordings, str(out / name), settings)
        for split in LABELS.values():
            write_labels(out / name, split, out / f"answers-{name}" / split)


def run_seed(seed: int, given: argparse.Namespace) -> None:
    """Train and ask with one seed, and add it to the results."""
    for stage in context_stages(seed, given.steps, given.digits):
        run(stage, given.out)
    answer(seed, given.out)
    write_results(given.out, results_of(given))


def answer(seed: int, out: Path) -> None:
    """Let every model of a seed answer the questions of the test utterances."""
    for model in MODELS:
        folder = out / f"seed-{seed}"
        weights = folder / model.name / "far/exported"
        listen(model, weights, out / "far", folder / "heard" / f"{model.name}.json")


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = make_parser(__doc__, "runs/needed_context", (0, 1))
    parser.add_argument(
        "--digits",
        type=Path,
        help="run directory of spoken_digits.py with the same recordings, seeds and steps: its "
        "HuBERT is taken, and none is trained",
    )
    return parser


def run_all(given: argparse.Namespace, command: list[str]) -> None:
    """Compose, train and ask what is missing, and write the table."""
    prepare(given)
    run_each(given.seeds, lambda seed: run_seed(seed, given), [*command, "--seeds"])


if __name__ == "__main__":
    start(arguments(), run_all)
