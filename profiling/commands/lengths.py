"""`profile.py lengths`: write the length distribution of a real data set."""

from pathlib import Path
from typing import Any

from datamodules.lengths import LengthDistribution
from profiling.children.crew import Children
from profiling.commands.command import Command, plain
from profiling.errors import SettingsError
from profiling.sweeping.progress import warn_of_skipped


def run(arguments: Any) -> int:
    """Write `lengths.json`; a child reads the data, since that takes torch."""
    block = plain(arguments.data)
    if not block:
        raise SettingsError("`data` must be given")
    distribution: LengthDistribution
    distribution, skipped = Children().ask("profiling.measuring.real_batches:read_lengths", block)
    warn_of_skipped(skipped)
    distribution.to_json(Path(arguments.out))
    low, middle, high = distribution.quantiles((0.1, 0.5, 0.9))
    print(
        f"{distribution.name}: {distribution.count:,} samples, {distribution.unit} at 10 %, 50 %, "
        f"90 %: {low:,}, {middle:,}, {high:,}; written to {arguments.out}"
    )
    return 0


def add_arguments(parser: Any) -> None:
    """Add the data block and the file."""
    parser.add_argument("--config", action="config", help="YAML file with a `data` block")
    parser.add_argument("--data", type=dict[str, Any], default={}, help="class_path, init_args")
    parser.add_argument("--out", type=str, default="lengths.json", help="file to write")


LENGTHS = Command(
    help="length distribution of a data set",
    description="Write the length distribution of a real data set.",
    add_arguments=add_arguments,
    run=run,
    settings=("config", "data", "out"),
)
