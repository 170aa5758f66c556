"""`profile.py sweep`: measure what is missing in a run directory, then report."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profiling.children.server import start_server
from profiling.commands.command import Command, plain
from profiling.commands.report import answer
from profiling.errors import SettingsError
from profiling.planning.assumed_devices import ASSUMED, AssumedDevice, find_assumed
from profiling.planning.settings import ModalitySettings, SweepSettings
from profiling.planning.variant_settings import VariantSettings
from profiling.rows.frontier import frontier_rows
from profiling.rows.reading import ROWS, RowFile, newest_rows
from profiling.rows.run_directory import RunDirectory

if TYPE_CHECKING:
    from profiling.sweeping.outlook import Outlook


def sweep(
    settings: SweepSettings, out: Path, fresh: bool = False, shard: tuple[int, int] = (1, 1)
) -> None:
    """Measure what is missing in the run directory `out`, then report and print the answers.

    Shards may measure into one directory side by side; whoever ends last reports.

    Args:
        settings: What to measure.
        out: The run directory; made if need be.
        fresh: Forget earlier measurements.
        shard: Measure only part i of n, as (i, n), counted from 1.

    Raises:
        SettingsError: A setting is wrong, or the directory is in use.
    """
    start_server()  # it imports torch, and meanwhile this process imports what it needs itself
    from profiling.sweeping.sweep import Sweep

    name = f"Shard {shard[0]}/{shard[1]}"
    with RunDirectory(out, fresh=fresh, shard=shard) as run:
        changed = Sweep(settings, run, shard).measure()
        is_last = run.close()
    if not is_last:
        print(f"{name} is done; the last shard to end will report.")
    elif run.rows:
        answer(out, rebuild=changed)
    else:
        print(f"{name} has nothing to measure: there are fewer groups of points than shards.")


def look_ahead(
    settings: SweepSettings,
    out: Path,
    fresh: bool = False,
    shard: tuple[int, int] = (1, 1),
    assumed: AssumedDevice | None = None,
) -> "Outlook":
    """Return what the same sweep would measure from here, and how long; nothing is written.

    Args:
        settings: What to measure.
        out: The run directory; what it holds need not be measured again.
        fresh: As for `sweep`, which then forgets what it holds.
        shard: As for `sweep`.
        assumed: A device that need not be here, to estimate the time for.

    Raises:
        SettingsError: A setting is wrong, or the measurements cannot be read.
    """
    start_server()
    from profiling.children.crew import Children
    from profiling.sweeping.frontier_pass import searches_of_part
    from profiling.sweeping.outlook import Outlook
    from profiling.sweeping.preparation import Preparation

    preparation = Preparation(settings, Children(), batches=None, assumed=assumed)
    plan = preparation.plan(shard)
    rows = [] if fresh else newest_rows(RowFile(out / ROWS).read_new())
    outlook = Outlook.of(settings, plan, rows, assumed)
    if not settings.frontier:
        return outlook
    searches = searches_of_part(preparation.every_point, plan.first_points())
    return outlook.with_frontier(settings, searches, [] if fresh else frontier_rows(out))


def run(arguments: Any) -> int:
    """Measure, then report; or only say what there is to measure."""
    out = Path(arguments.out) if arguments.out else Path("runs") / _config_name(arguments)
    settings, shard = read_settings(arguments), _read_shard(arguments.shard)
    assumed = read_assumed(arguments, settings)
    if arguments.dry_run:
        print(look_ahead(settings, out, arguments.fresh, shard, assumed).describe())
    else:
        sweep(settings, out, arguments.fresh, shard)
    return 0


def how_to_go_on(arguments: Any) -> str:
    """Say how to measure what is still missing."""
    if arguments.dry_run:
        return ""
    if arguments.fresh:
        return (
            "if a visit had begun, the same command without `fresh` goes on from here; before that "
            "nothing was forgotten, and `fresh` is still needed"
        )
    return "the same command goes on from here"


def add_arguments(parser: Any) -> None:
    """Add every setting of a sweep."""
    parser.add_argument("--config", action="config", help="YAML file of the settings below")
    parser.add_argument("--out", type=str, default=None, help="run directory (runs/<config name>)")
    # Either with a value, as every other setting, or alone, as people write a switch.
    switch = partial(parser.add_argument, type=bool, default=False, nargs="?", const=True)
    switch("--fresh", help="forget earlier measurements")
    parser.add_argument(
        "--shard", type=str, default="1/1", help="measure only part i of n, given as i/n"
    )
    switch("--dry-run", "--dry_run", help="only say what would be measured, and for how long")
    assumed = f"with dry_run: estimate the time for a GPU that is not here ({', '.join(ASSUMED)})"
    parser.add_argument(
        "--assume-device", "--assume_device", type=str | None, default=None, help=assumed
    )
    parser.add_class_arguments(SweepSettings, None, as_group=False)


def read_settings(arguments: Any) -> SweepSettings:
    """Build the settings from what was parsed; they check themselves."""
    fields = {name: plain(arguments[name]) for name in SweepSettings.__dataclass_fields__}
    modalities = {name: ModalitySettings(**values) for name, values in fields["modalities"].items()}
    return SweepSettings(**(fields | {"modalities": modalities}))


def read_assumed(arguments: Any, settings: SweepSettings) -> AssumedDevice | None:
    """Return the device that a dry run is to assume.

    Raises:
        SettingsError: There is none of this name, or nothing that could assume it.
    """
    if arguments.assume_device is None:
        return None
    assumed = find_assumed(arguments.assume_device)
    if not arguments.dry_run:
        raise SettingsError(
            "`assume_device` needs `dry_run`: a GPU that is not here cannot be measured"
        )
    if settings.device != "cuda":
        raise SettingsError(
            f"`assume_device` {assumed.name} needs `device` cuda, got {settings.device}"
        )
    return assumed


def _config_name(arguments: Any) -> str:
    if not arguments.config:
        raise SettingsError("`out` must be given when there is no `config`")
    return Path(str(arguments.config[-1])).stem


def _read_shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts):
        return int(part), int(parts)
    raise SettingsError(f"`shard` must be i/n with i from 1 to n, got {text}")


SWEEP = Command(
    help="measure variants over input lengths and find the tipping points",
    description="Measure what is still missing in a run directory, then report the answers.",
    add_arguments=add_arguments,
    run=run,
    how_to_go_on=how_to_go_on,
    settings=(
        *("assume_device", "config", "dry_run", "fresh", "out", "shard"),
        *SweepSettings.__dataclass_fields__,
        *ModalitySettings.__dataclass_fields__,
        *VariantSettings.__dataclass_fields__,
    ),
)
