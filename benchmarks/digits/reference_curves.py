"""Reference curves of training on spoken digits: kept, shown in TensorBoard, compared with a run.

    python benchmarks/digits/reference_curves.py write runs/spoken_digits
    python benchmarks/digits/reference_curves.py show runs/train
    python benchmarks/digits/reference_curves.py compare LOGS --model hubert --round pretrain

`write` reads a run directory of `benchmarks/digits/spoken_digits.py` and keeps its curves in
`benchmarks/results/`, or in the folder of `--results`; what a trial logged (`--steps` below 1)
stays in it. `show` writes the curves that are kept into a folder of logs, for TensorBoard.
`compare` prints where the curves of one's own run, in LOGS, lie among the seeds.
"""

import argparse
import sys
from pathlib import Path

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.digits.reference.compare import compare_logs, describe_comparison
from benchmarks.digits.reference.curves import (
    MODELS,
    NAME,
    load_reference,
    read_reference,
    write_reference,
)
from benchmarks.digits.reference.pages import write_events
from benchmarks.digits.rounds import ROUNDS
from benchmarks.keeping import RESULTS, made_folder


def read_arguments(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    write = verbs.add_parser("write", help="keep the curves of a run directory")
    write.add_argument("run_directory", type=Path)
    write.add_argument("--results", type=made_folder, help="folder that keeps them")
    show = verbs.add_parser("show", help="write the curves as TensorBoard files")
    show.add_argument("folder", type=Path, help="where one's own logs are")
    compare = verbs.add_parser("compare", help="say where one's own curves lie")
    compare.add_argument("logs", type=Path, help="folder of the event files of one run")
    compare.add_argument("--model", choices=MODELS, required=True)
    compare.add_argument("--round", choices=list(ROUNDS), required=True)
    for verb in (show, compare):
        kept = RESULTS / f"{NAME}.json"
        verb.add_argument("--reference", type=Path, default=kept, help="what `write` wrote")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Do what was asked; return the exit status."""
    given = read_arguments(words)
    try:
        if given.verb == "write":
            reference = read_reference(given.run_directory)
            usual = RESULTS if reference["share"] == 1.0 else given.run_directory
            print(write_reference(reference, given.results or usual))
        elif given.verb == "show":
            write_events(load_reference(given.reference), given.folder)
        else:
            reference = load_reference(given.reference)
            compared = compare_logs(reference, given.logs, given.model, given.round)
            print(describe_comparison(compared))
    except (FileNotFoundError, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
