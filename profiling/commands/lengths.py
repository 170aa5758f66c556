"""`profile.py lengths`: the length distributions of data sets, and what follows from them."""

import json
import sys
from pathlib import Path
from typing import Any

from datamodules.errors import validate_minimum
from datamodules.lengths import LengthDistribution
from profiling.children.crew import Children
from profiling.commands.command import Command, plain
from profiling.commands.length_sources import Places, blocks_of, told_apart
from profiling.distributions.picture import check_picture, draw
from profiling.distributions.summary import Batching, summarise
from profiling.distributions.words import compare, describe
from profiling.errors import SettingsError
from profiling.sweeping.progress import warn_of_skipped

READING = "profiling.measuring.lengths:read_lengths"


def run(arguments: Any) -> int:
    """Read data sets and files, write `lengths.json`, and say what the lengths mean."""
    batching = _batching(arguments)
    check_picture(arguments.picture)
    blocks, files = blocks_of(plain(arguments.data), arguments.files)
    if arguments.sample is not None and not blocks:
        raise SettingsError("`sample` must have `data` to draw from, got files of lengths alone")
    known = [LengthDistribution.from_json(file) for file in files]
    found = _read(blocks, Places(Path(arguments.out), len(blocks), files), arguments)
    summaries = [summarise(each, batching) for each in told_apart([*found, *known])]
    if arguments.json:
        print(json.dumps([each.to_dict() for each in summaries], indent=2, allow_nan=False))
    else:
        print("\n\n\n".join(describe(each) for each in summaries))
        if len(summaries) > 1:
            print("\n\nside by side:\n\n" + compare(summaries))
    if arguments.picture is not None:
        draw(summaries, Path(arguments.picture))
        print(f"picture: {arguments.picture}", file=sys.stderr)
    return 0


def _batching(arguments: Any) -> Batching:
    given = arguments.batch_size
    sizes = given if isinstance(given, list) else [given]
    if not sizes:
        raise SettingsError("`batch_size` must be a number or a list of some, got none")
    for size in sizes:
        validate_minimum("batch_size", size, 1)
    validate_minimum("num_buckets", arguments.num_buckets, 1)
    if arguments.max_length is not None:
        validate_minimum("max_length", arguments.max_length, 1)
    if arguments.sample is not None:
        validate_minimum("sample", arguments.sample, 2)
    validate_minimum("seed", arguments.seed, 0)
    return Batching(sizes, arguments.num_buckets, arguments.max_length)


def _read(blocks: list[dict[str, Any]], places: Places, arguments: Any) -> list[LengthDistribution]:
    """Read data sets, each in a child, since that takes torch; write a file for each at once."""
    children = Children()
    found: list[LengthDistribution] = []
    for block in blocks:
        task = {"block": block, "sample": arguments.sample, "seed": arguments.seed}
        distribution, skipped, notes = children.ask(READING, task)
        warn_of_skipped(skipped)
        for note in notes:
            print(f"{distribution.name}: {note}", file=sys.stderr)
        place = places.take(distribution.name)
        distribution.to_json(place)
        print(f"written: {place}", file=sys.stderr)
        found.append(distribution)
    return found


def add_arguments(parser: Any) -> None:
    """Add what is read, how it is batched, and where the answer goes."""
    add = parser.add_argument
    add(
        "files",
        nargs="*",
        type=str,
        default=[],
        help="lengths.json files, or YAML files with a `data` block",
    )
    add("--config", action="config", help="YAML file with a `data` block")
    add("--data", type=dict[str, Any], default={}, help="data block: class_path and init_args")
    add("--out", type=str, default="lengths.json", help="file to write the lengths of the data to")
    add("--sample", type=int | None, default=None, help="number of samples to draw; default: all")
    add("--seed", type=int, default=0, help="seed of that draw")
    sizes = "samples in a batch, to tell the padding; several as [8,32]"
    add("--batch_size", type=int | list[int], default=[8, 32, 128], help=sizes)
    add("--num_buckets", type=int, default=8, help="number of buckets to suggest edges for")
    longest = "length at which samples are cut, to tell the padding; default: the recommended one"
    add("--max_length", type=int | None, default=None, help=longest)
    add("--picture", type=str | None, default=None, help="PNG or SVG file to draw")
    add("--json", action="store_true", help="print a list for programs")


LENGTHS = Command(
    help="read the lengths of a data set: what to cut, what padding costs",
    description="Read the lengths of data sets; say what cuts, padding and buckets do to them.",
    add_arguments=add_arguments,
    run=run,
    settings=(
        *("batch_size", "config", "data", "files", "json", "max_length", "num_buckets", "out"),
        *("picture", "sample", "seed"),
    ),
)
