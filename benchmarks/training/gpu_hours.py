"""Hours of a GPU from LibriSpeech to word error rates.

    python benchmarks/training/gpu_hours.py                              # count, write the page
    python benchmarks/training/gpu_hours.py --step_seconds 1.4 --gpus 8  # from your own step
    python benchmarks/training/gpu_hours.py --logs LOGS --gpus 8         # from what a run logged

Without arguments operations of a step are counted, nothing is measured, and the tables of
docs/librispeech.md are written anew; `--out` keeps the counts elsewhere and leaves the page as it
is. With a measured step of pre-training the hours of all runs are told for the same GPUs.
"""

import argparse
import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

if not __package__:
    # Run as a file, Python looks beside it and not where the packages are.
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from benchmarks.answers.epoch_runs.pages import refreshed
from benchmarks.keeping import RESULTS as FOLDER
from benchmarks.keeping import add_out, keep
from benchmarks.mistakes import in_one_sentence
from benchmarks.training.hours.arithmetic import FRAMES, GPUS
from benchmarks.training.hours.page import VANILLA, counted_block, estimate
from datamodules.errors import validate_minimum
from profiling.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
RESULTS = FOLDER / "gpu_hours.json"
PAGE = ROOT / "docs/librispeech.md"
NUM_CLUSTERS = 500
BATCH_S = 2_800.0
RATE = "audio_seconds_per_second"


def count_all() -> dict[str, Any]:
    """Count every model in both tasks."""
    from benchmarks.training.hours.counting import Model, count_step

    models = {
        VANILLA: Model("hubert", "sdpa"),
        "lhubert, window 100": Model("lhubert", "local_varlen", 100),
        "lhubert, window 32": Model("lhubert", "local_varlen", 32),
    }
    return {
        "frames": FRAMES,
        "num_clusters": NUM_CLUSTERS,
        "models": {
            name: {
                task: count_step(model, task, FRAMES, NUM_CLUSTERS)
                for task in ("pretraining", "ctc")
            }
            for name, model in models.items()
        },
    }


def logged_rate(logs: Path) -> float:
    """Return the median of the seconds of audio per second that pre-training logged.

    Raises:
        SettingsError: It logged none.
    """
    from benchmarks.digits.curves import read_scalar

    rates = [value for _, value in read_scalar(logs, RATE)]
    rate = statistics.median(rates) if rates else 0.0
    if not 0 < rate < math.inf:
        raise SettingsError(
            f"`logs` must be a folder in which pre-training logged `{RATE}`: {logs}"
        )
    return rate


def read_arguments(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    measured = parser.add_mutually_exclusive_group()
    measured.add_argument("--step_seconds", type=float, help="of an optimiser step of pre-training")
    measured.add_argument("--logs", type=Path, help="TensorBoard logs of a run of pre-training")
    parser.add_argument("--batch_seconds", type=float, default=BATCH_S, help="audio of that step")
    parser.add_argument("--gpus", type=int, default=1, help="that the step ran on")
    names = [gpu.name.lower() for gpu in GPUS]
    parser.add_argument("--gpu", choices=names, help="which, to say what share of its peak it is")
    stored = json.loads(RESULTS.read_text())["models"] if RESULTS.exists() else {VANILLA: None}
    parser.add_argument("--model", choices=list(stored), default=VANILLA)
    add_out(parser)
    return parser.parse_args(words)


def validate(given: argparse.Namespace) -> None:
    """Refuse what no step takes.

    Raises:
        DataError, SettingsError: A number is too small, or none.
    """
    validate_minimum("gpus", given.gpus, 1)
    for name in ("step_seconds", "batch_seconds"):
        value = getattr(given, name)
        if value is not None and not 0 < value < math.inf:
            raise SettingsError(f"`{name}` must be a finite number above zero, got {value:g}")


@in_one_sentence
def main(words: list[str] | None = None) -> int:
    """Count, or estimate from what was measured; return the exit status."""
    given = read_arguments(words)
    validate(given)
    if given.step_seconds is None and given.logs is None:
        results = count_all()
        keep(given.out, "gpu_hours", figures=results)
        if given.out.samefile(FOLDER):
            PAGE.write_text(refreshed(PAGE.read_text(), counted_block(results)))
        print(counted_block(results))
        return 0
    rate = logged_rate(given.logs) if given.logs else given.batch_seconds / given.step_seconds
    counts = json.loads(RESULTS.read_text())["models"][given.model]
    print("\n".join(estimate(counts, rate, given.gpus, given.gpu)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
