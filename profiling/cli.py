"""The command line of `profile.py`; what needs torch runs in children."""

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from profiling.arguments import OneSentenceParser
from profiling.data_settings import set_in_block, split_data_settings
from profiling.errors import USER_ERRORS, SettingsError
from profiling.settings import ModalitySettings, SweepSettings, VariantSettings

DESCRIPTION = "From which input length on does efficient self-attention beat the plain one?"


SWEEP_SETTINGS = (
    "fresh",
    "out",
    "shard",
    *SweepSettings.__dataclass_fields__,
    *ModalitySettings.__dataclass_fields__,
    *VariantSettings.__dataclass_fields__,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    try:
        parsed = parse(sys.argv[1:] if arguments is None else arguments)
        return int(COMMANDS[parsed.command](parsed[parsed.command]))
    except USER_ERRORS as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def parse(arguments: Sequence[str]) -> Any:
    """Return the command and its settings, those of data blocks merged into them.

    Raises:
        SettingsError: A setting belongs to a data block that is not there.
    """
    arguments, data_settings = split_data_settings(arguments)
    parsed = build_parser().parse_args(arguments)
    chosen = parsed[parsed.command]
    for modality, name, value in data_settings:
        place = chosen if modality is None else (chosen.get("modalities") or {}).get(modality)
        if place is None or "data" not in place:
            raise SettingsError(f"`{modality or parsed.command}` has no `data` to set `{name}` of")
        place["data"] = set_in_block(_plain(place["data"]), name, value)
    return parsed


def build_parser() -> OneSentenceParser:
    """Return the parser of all commands."""
    parser = OneSentenceParser(prog="profile.py", description=DESCRIPTION)
    commands = parser.add_subcommands(dest="command")
    commands.add_subcommand("sweep", _sweep_parser(), help="measure, find the tipping points")
    commands.add_subcommand("report", _report_parser(), help="rebuild report and TensorBoard")
    commands.add_subcommand("lengths", _lengths_parser(), help="length distribution of a data set")
    return parser


def _parser(description: str, known_settings: Iterable[str]) -> OneSentenceParser:
    parser = OneSentenceParser(description=description)
    parser.known_settings = ("config", *known_settings)
    return parser


def _sweep_parser() -> OneSentenceParser:
    parser = _parser("Measure what is missing in a run directory, then report.", SWEEP_SETTINGS)
    parser.add_argument("--config", action="config", help="YAML file of the settings below")
    parser.add_argument("--out", type=str, default=None, help="run directory; runs/<config name>")
    parser.add_argument("--fresh", type=bool, default=False, help="forget earlier measurements")
    parser.add_argument("--shard", type=str, default="1/1", help="measure only part i/n, from 1")
    parser.add_class_arguments(SweepSettings, None, as_group=False)
    return parser


def _report_parser() -> OneSentenceParser:
    parser = _parser("Rebuild tipping points, report and TensorBoard from the rows.", ())
    parser.add_argument("run_directory", type=str, help="directory of a sweep")
    return parser


def _lengths_parser() -> OneSentenceParser:
    parser = _parser("Write the length distribution of a real data set.", ("data", "out"))
    parser.add_argument("--config", action="config", help="YAML file with a `data` block")
    parser.add_argument("--data", type=dict[str, Any], default={}, help="class_path, init_args")
    parser.add_argument("--out", type=str, default="lengths.json", help="file to write")
    return parser


def run_sweep(arguments: Any) -> int:
    """Measure, then report."""
    from profiling.run_directory import RunDirectory
    from profiling.sweep import Sweep

    settings = read_settings(arguments)
    out = Path(arguments.out) if arguments.out else Path("runs") / _config_name(arguments)
    shard = _read_shard(arguments.shard)
    with RunDirectory(out, fresh=arguments.fresh) as run:
        answer(out, rebuild=Sweep(settings, run, shard).measure())
    return 0


def run_report(arguments: Any) -> int:
    """Rebuild everything that is made from the measurements."""
    answer(Path(arguments.run_directory), rebuild=True)
    return 0


def run_lengths(arguments: Any) -> int:
    """Write `lengths.json`."""
    from datamodules.lengths import LengthDistribution
    from profiling.children import run_in_child, start_server
    from profiling.progress import warn_of_skipped

    block = _plain(arguments.data)
    if not block:
        raise SettingsError("`data` must be given")
    outcome = run_in_child(start_server(), "profiling.prepare:read_lengths", block, None)
    if outcome.kind == "mistake":
        raise SettingsError(outcome.message)
    if outcome.kind != "ok":
        raise RuntimeError(outcome.message)
    distribution: LengthDistribution
    distribution, skipped = outcome.value
    warn_of_skipped(skipped)
    distribution.to_json(Path(arguments.out))
    low, middle, high = distribution.quantiles((0.1, 0.5, 0.9))
    print(
        f"{distribution.name}: {distribution.count:,} samples, {distribution.unit} at 10 %, 50 %, "
        f"90 %: {low:,}, {middle:,}, {high:,}; written to {arguments.out}"
    )
    return 0


def answer(directory: Path, rebuild: bool) -> None:
    """Find the tipping points, rebuild the report if asked, print the table and where to look."""
    from profiling.current import current_rows
    from profiling.run_directory import ROWS, read_manifest, read_rows
    from profiling.table import print_tipping_points
    from profiling.tipping_points import find_tipping_points, save_tipping_points

    manifest = read_manifest(directory)
    rows = current_rows(read_rows(directory), manifest)
    pairs = manifest.get("config", {}).get("pairs", ())
    tipping_points = find_tipping_points(rows, pairs=pairs)
    page = directory / "report.html"
    # A sweep that was killed after its last row left an older page, or none.
    if rebuild or not page.exists() or page.stat().st_mtime < (directory / ROWS).stat().st_mtime:
        from profiling.report import build_report

        save_tipping_points(tipping_points, directory)
        build_report(directory, rows, tipping_points, manifest)
    console = Console()
    print_tipping_points(tipping_points, console)
    console.print(f"Report: {page}", soft_wrap=True, highlight=False)
    console.print(f"Charts: tensorboard --logdir {directory / 'tensorboard'}", soft_wrap=True)


def read_settings(arguments: Any) -> SweepSettings:
    """Build the settings from what was parsed; they check themselves."""
    fields = {name: _plain(arguments[name]) for name in SweepSettings.__dataclass_fields__}
    modalities = {name: ModalitySettings(**values) for name, values in fields["modalities"].items()}
    return SweepSettings(**(fields | {"modalities": modalities}))


def _plain(value: Any) -> Any:
    """Turn jsonargparse's namespaces into dictionaries."""
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value


def _config_name(arguments: Any) -> str:
    if not arguments.config:
        raise SettingsError("`out` must be given when there is no `config`")
    return Path(str(arguments.config[-1])).stem


def _read_shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts):
        return int(part), int(parts)
    raise SettingsError(f"`shard` must be i/n with i from 1 to n, got {text}")


COMMANDS: dict[str, Callable[[Any], int]] = {
    "sweep": run_sweep,
    "report": run_report,
    "lengths": run_lengths,
}
