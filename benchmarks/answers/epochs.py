"""Is what `advise` says true?

    python benchmarks/answers/epochs.py RUN_DIR --lengths lengths.json ...

For each data set, phase and objective it plans the batches of an epoch with the policies that
`advise` weighs, really runs a part of the epoch of every variant, implementation and policy, and
holds what the cost model foresees for just these steps against what they took. Then it asks how
much dearer what `advise` recommends is than the best that was really measured: its regret.

Batches have the lengths of the data, synthetic content and real padding masks. The steps of an
epoch that are run are drawn evenly over their size, by chance with a seed. Each of them is run in
one turn, or in several turns where an epoch has fewer steps than there are turns, and the median
counts. All contenders take turns, each in a fresh process that keeps the memory that it frees, so
what changes on the machine hits them alike.

The machine of the sweep and of the epochs may differ in speed, though it is the same one. So in
each turn every contender also runs the steps that the sweep measured. The same cost model is fitted
to them once more, now to their means, because an epoch is a sum: its error is called corrected, and
tells how good the model is. The raw error is that of the sweep as it was, with what the machine did
since. Regret needs neither: it compares what ran in turns.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.answers.epoch_runs.planning import Amount
from benchmarks.answers.epoch_runs.running import Runner
from benchmarks.answers.epoch_runs.tables import as_markdown
from benchmarks.mistakes import in_one_sentence
from datamodules.errors import validate_minimum
from datamodules.files.writing import write_text
from datamodules.lengths import LengthDistribution
from profiling.advising.newest import Newest
from profiling.errors import SettingsError
from profiling.rows.columns import PHASES
from profiling.rows.current import current_rows
from profiling.rows.machine import cpu_name, library_versions
from profiling.rows.reading import read_manifest, read_rows

PLACE = Path(__file__).parents[1] / "results" / "epochs"


def measure_epochs(given: argparse.Namespace) -> dict[str, Any]:
    """Run the epochs of all data sets; return what came out, as the file has it.

    Raises:
        SettingsError: The run or the lengths are not what they should be.
    """
    directory = Path(given.run)
    rows = current_rows(read_rows(directory), read_manifest(directory))
    amount = Amount(given.steps, given.seconds, given.rounds, given.seed)
    distributions = [LengthDistribution.from_json(each) for each in given.lengths]
    if len({each.modality for each in distributions}) > 1:
        raise SettingsError("`lengths` must all be of one modality, got several")
    runner = Runner(rows, amount, given.batch_size, given.max_length, given.room_gib)
    # All of them before the first epoch is run: what cannot be must not cost what was measured.
    found = [runner.find(distributions[0].modality, phase) for phase in given.phases]
    for distribution in distributions:
        for phase in given.phases:
            runner.run(distribution, phase)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{cpu_name()}, {_condition(found, 'threads')} threads",
        "versions": library_versions(),
        "size": _condition(found, "size"),
        "amount": describe(amount, given.batch_size, given.max_length),
        "settings": asdict(amount),
        "budgets_gib": runner.budgets_gib,
        "results": runner.results,
        "anchors": runner.anchors,
        "others_cpu_share": runner.others_cpu_share,
        "left_out": runner.left_out,
    }


def _condition(found: Sequence[Newest], name: str) -> str:
    """Return a condition under which the phases were measured; all of them where they differ."""
    return ", ".join(dict.fromkeys(each.group.setting[name] for each in found))


def describe(amount: Amount, batch_size: int, max_length: int | None) -> str:
    """Return how much was run, in words."""
    cut = f"samples cut at {max_length:,}; " if max_length else ""
    return (
        f"{cut}batches of {batch_size} for throughput; of each epoch at most {amount.most_steps} "
        f"steps or {amount.seconds:g} s, seed {amount.seed}, in {amount.rounds} turns"
    )


def write(name: str, run: dict[str, Any], place: Path) -> None:
    """Put a run beside those of other names into the files of results."""
    path = place.with_suffix(".json")
    known = json.loads(path.read_text()) if path.exists() else {}
    known[name] = run
    place.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(known, indent=1) + "\n")
    told = [f"## {each}\n\n{as_markdown(known[each])}" for each in sorted(known)]
    write_text(place.with_suffix(".md"), "\n".join(["# Epochs, foreseen and measured\n", *told]))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        DataError: A number is too small.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="run directory of a sweep with synthetic batches")
    parser.add_argument("--lengths", nargs="+", required=True, help="files of `profile.py lengths`")
    parser.add_argument("--phases", nargs="+", default=list(PHASES), choices=PHASES)
    parser.add_argument("--batch_size", type=int, default=4, help="for throughput; 1 leaves it out")
    parser.add_argument("--max_length", type=int, default=None, help="cut samples to it")
    parser.add_argument("--steps", type=int, default=Amount.most_steps, help="most of an epoch")
    parser.add_argument("--seconds", type=float, default=Amount.seconds, help="of an epoch's steps")
    parser.add_argument("--rounds", type=int, default=Amount.rounds, help="turns of a contender")
    parser.add_argument("--seed", type=int, default=Amount.seed, help="chooses the steps")
    parser.add_argument("--room_gib", type=float, default=6.0, help="held by those that wait")
    parser.add_argument("--name", default=None, help="heading; default: the modality")
    parser.add_argument("--out", type=Path, default=PLACE, help="files of results, without ending")
    given = parser.parse_args(arguments)
    for name, least in {"batch_size": 1, "steps": 1, "seconds": 0, "rounds": 1}.items():
        validate_minimum(name, getattr(given, name), least)
    if given.max_length is not None:
        validate_minimum("max_length", given.max_length, 1)
    return given


@in_one_sentence
def main(arguments: list[str] | None = None) -> int:
    """Measure, write the files, print the tables."""
    given = parse(arguments)
    run = measure_epochs(given)
    name = given.name or (run["results"][0]["modality"] if run["results"] else "nothing")
    write(name, run, given.out)
    print(as_markdown(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
