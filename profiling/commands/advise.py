"""`profile.py advise`: which variant, implementation and policy for data of these lengths."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.lengths import LengthDistribution
from profiling.commands.command import Command
from profiling.commands.current_run import read_run
from profiling.errors import SettingsError
from profiling.rows.columns import PHASES
from profiling.rows.current import describe_left_out
from profiling.rows.data_lengths import shared_distribution

if TYPE_CHECKING:
    from profiling.advising.between_runs import Advised
    from profiling.advising.contenders import Wanted

OBJECTIVES = {
    "latency": "time of one sample",
    "throughput": "time per sample in batches",
    "memory": "largest peak",
}
USUAL_BATCH = {"latency": 1, "throughput": 8, "memory": 1}


def run(arguments: Any) -> int:
    """Advise for every run, and print."""
    wanted = _read_wanted(arguments)
    directories = [Path(each) for each in arguments.run_directories]
    _refuse_repeated(directories)
    given = LengthDistribution.from_json(arguments.lengths) if arguments.lengths else None
    runs = {directory: read_run(directory) for directory in directories}
    distribution = given or shared_distribution([manifest for *_, manifest in runs.values()])
    # Imported here: `--help` and a mistake in the settings do not wait for what computes.
    from profiling.advising.advice import find_advice
    from profiling.advising.qualities.measured import read_quality

    qualities = read_quality(arguments.quality) if arguments.quality is not None else []
    found = {}
    for directory, (rows, every_row, manifest) in runs.items():
        try:
            advised = find_advice(rows, distribution, wanted, qualities)
        except SettingsError as problem:
            which = f"`{directory}`: " if len(directories) > 1 else ""
            raise SettingsError(f"{which}{problem}") from problem
        asked = [row for row in every_row if row["modality"] == distribution.modality]
        advised.answer["notes"] += describe_left_out(asked, manifest)
        if given is None:
            advised.answer["notes"].append(
                f"lengths: those of {distribution.name}, on which the run was measured"
            )
        found[str(directory)] = advised
    _print(found, wanted, as_json=arguments.json)
    return 0


def _refuse_repeated(directories: Sequence[Path]) -> None:
    """Refuse a run that is given more than once, also under two names."""
    times = Counter(each.resolve() for each in directories)
    for directory in directories:
        if times[directory.resolve()] > 1:
            raise SettingsError(
                f"`run_directories` must name each run once, got {directory} more than once"
            )


def _print(advised: dict[str, "Advised"], wanted: "Wanted", as_json: bool) -> None:
    from profiling.advising.between_runs import compare_advice
    from profiling.advising.words import as_lines, comparison_lines

    found = {name: each.answer for name, each in advised.items()}
    several = len(found) > 1
    if as_json:
        runs = [{"run": name, **advice} for name, advice in found.items()]
        whole = {"runs": runs, "comparison": compare_advice(advised)}
        answer: Any = whole if several else next(iter(found.values()))
        print(json.dumps(answer, indent=2, allow_nan=False))
        return
    unit = "MiB" if wanted.objective == "memory" else "ms"
    for name, advice in found.items():
        print("\n".join([*([f"{name}:"] if several else []), *as_lines(advice, unit)]))
    if several:
        told = comparison_lines([*found], compare_advice(advised), wanted.objective)
        print("\n".join(told))


def _read_wanted(arguments: Any) -> "Wanted":
    """Return what is asked for.

    Raises:
        SettingsError: A setting cannot be, or two contradict each other.
    """
    from profiling.advising.contenders import Wanted

    for name, value, choices in (
        ("objective", arguments.objective, OBJECTIVES),
        ("phase", arguments.phase, PHASES),
    ):
        if value not in choices:
            raise SettingsError(f"`{name}` must be one of {', '.join(choices)}, got {value!r}")
    for name in ("batch_size", "max_length"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise SettingsError(f"`{name}` must be at least 1, got {value}")
    budget = arguments.budget_gib
    if budget is not None and not (math.isfinite(budget) and budget > 0):
        raise SettingsError(f"`budget_gib` must be more than 0, got {budget}")
    batch_size = arguments.batch_size or USUAL_BATCH[arguments.objective]
    if arguments.objective == "latency" and batch_size > 1:
        raise SettingsError(
            "`batch_size` must be 1 for the objective latency, which is that of a single sample, "
            f"got {batch_size}: choose the objective throughput"
        )
    return Wanted(
        arguments.objective,
        arguments.phase,
        batch_size,
        arguments.max_length,
        budget,
        arguments.precision,
        arguments.device,
    )


def add_arguments(parser: Any) -> None:
    """Add the runs, the lengths and what is wanted."""
    parser.add_argument(
        "run_directories", type=str, nargs="+", help="run directories of sweeps, one per machine"
    )
    add = parser.add_argument
    told = "file that `profile.py lengths` wrote; default: the lengths of the data of the sweep"
    add("--lengths", type=str, default="", help=told)
    meanings = ", ".join(f"{name} ({meaning})" for name, meaning in OBJECTIVES.items())
    told = f"what to minimise: {meanings}"
    add("--objective", type=str, default="latency", help=told)
    add("--phase", type=str, default="inference", help=f"one of: {', '.join(PHASES)}")
    usual = f"samples in a batch; default: {USUAL_BATCH['throughput']} for throughput, else 1"
    add("--batch_size", type=int | None, default=None, help=usual)
    longest = (
        "length at which samples are cut and to which pad_to_maximum pads; default: the longest"
    )
    add("--max_length", type=int | None, default=None, help=longest)
    budget = "memory in GiB that a recommended variant may take; default: any"
    add("--budget_gib", type=float | None, default=None, help=budget)
    for name, such in (("precision", "bf16-true"), ("device", "cuda")):
        told = f"take what was measured with this {name}, such as {such}; default: the last one"
        add(f"--{name}", type=str | None, default=None, help=told)
    told = (
        "JSON file of what your own runs found, or a list of such files: `train.py test` writes "
        "quality.json beside its logs"
    )
    add("--quality", type=list[str] | str | None, default=None, help=told)
    add("--json", action="store_true", help="print a map for programs")


ADVISE = Command(
    help="say which variant to take for data of these lengths",
    description="Recommend variant, implementation and batching policy for a data set.",
    add_arguments=add_arguments,
    run=run,
    settings=(
        *("lengths", "objective", "phase", "batch_size", "max_length", "budget_gib", "quality"),
        *("precision", "device", "json"),
    ),
)
