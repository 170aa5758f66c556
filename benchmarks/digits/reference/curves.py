"""Reference curves: what training logged, by step, as mean and range over seeds.

The curves of a run directory of `benchmarks/digits/spoken_digits.py` become one map, which is kept
in `benchmarks/results/` and compared with the logs of others.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.digits.curves import Points, read_scalars
from benchmarks.digits.results import describe_machine
from benchmarks.digits.rounds import HUBERT, LOCAL, ROUNDS
from benchmarks.keeping import RESULTS

NAME = "reference_curves"
MODELS = [model.name for model in (HUBERT, *LOCAL)]
# Everything that says whether training goes well; speed is another matter.
SCALARS = (
    *("train_loss", "train_prediction_loss", "train_masked_accuracy", "train_unmasked_accuracy"),
    *("train_code_perplexity", "train_label_entropy", "gradient_norm", "lr-AdamW"),
    *("val_loss", "val_prediction_loss", "val_masked_accuracy", "val_unmasked_accuracy"),
    *("val_wer", "val_cer"),
)
MOST_POINTS = 30  # of a curve: a reference is looked at, not computed with
DIGITS = 4  # significant ones

Curves = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""By model, round and scalar: `steps`, and as many of `mean`, `lowest`, `highest`, `seeds`."""


def read_reference(out: Path) -> dict[str, Any]:
    """Read the curves of all seeds of a run directory, with what they are of.

    Raises:
        ValueError: Nothing was logged there.
    """
    runs: dict[tuple[str, str], list[dict[str, Points]]] = defaultdict(list)
    logs, seeds = out / "tensorboard", set()
    for model in MODELS:
        for name in ROUNDS:
            for folder in sorted(logs.glob(f"seed-*-{model}-{name}")):
                seed = folder.name.removesuffix(f"-{model}-{name}")
                if seed.removeprefix("seed-").isdigit():  # not that of a longer name
                    runs[model, name].append(read_scalars(folder, SCALARS))
                    seeds.add(seed)
    curves: Curves = defaultdict(dict)
    for (model, name), found in runs.items():
        curves[model][name] = {
            scalar: over_seeds([each[scalar] for each in found if each.get(scalar)])
            for scalar in SCALARS
            if any(each.get(scalar) for each in found)
        }
    if not curves:
        raise ValueError(f"{logs} has no logs of spoken digits, as seed-0-{MODELS[0]}-pretrain is")
    about = {"date": date.today().isoformat(), "machine": describe_machine(), "seeds": len(seeds)}
    return about | {"share": share_of_steps(out), "curves": curves}


def over_seeds(runs: list[Points]) -> dict[str, Any]:
    """Join a scalar of several seeds: steps, and mean, range and number of seeds at each.

    A step counts for the seeds that have it; of many steps some are taken, the ends always.
    """
    values: dict[int, list[float]] = defaultdict(list)
    for points in runs:
        for step, value in dict(points).items():  # a run that went on logs its last steps twice
            values[step].append(value)
    steps = np.array(sorted(values))
    places = np.linspace(0, len(steps) - 1, min(len(steps), MOST_POINTS)).round().astype(int)
    taken = [int(step) for step in steps[np.unique(places)]]
    ways: dict[str, Callable[[list[float]], float]]
    ways = {"mean": statistics.fmean, "lowest": min, "highest": max}
    found = {
        way: [float(f"{compute(values[step]):.{DIGITS}g}") for step in taken]
        for way, compute in ways.items()
    }
    return {"steps": taken, **found, "seeds": [len(values[step]) for step in taken]}


def share_of_steps(out: Path) -> float:
    """Return the share of the steps of pre-training that a run directory did: 1 for no trial."""
    configs = sorted(out.glob("seed-*/*/pretrain/config.yaml"))
    steps = [yaml.safe_load(path.read_text())["trainer"]["max_steps"] for path in configs]
    return min(steps, default=0) / ROUNDS["pretrain"].num_steps


def seeds_of(rounds: dict[str, dict[str, dict[str, Any]]]) -> int:
    """Return with how many seeds a model was trained, from its curves by round and scalar."""
    counts = [curve["seeds"] for curves in rounds.values() for curve in curves.values()]
    return int(max(map(max, counts)))


def join_kept(reference: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """Return curves of which a model that was kept with more seeds before stays as it was.

    Args:
        reference: Of a run directory.
        kept: Of runs before, of the same rounds.
    """
    curves = dict(reference["curves"])
    for model, rounds in kept["curves"].items():
        if model not in curves or seeds_of(rounds) > seeds_of(curves[model]):
            curves[model] = rounds
    in_order = {model: curves[model] for model in MODELS if model in curves}
    return reference | {"seeds": max(map(seeds_of, in_order.values())), "curves": in_order}


def write_reference(reference: dict[str, Any], folder: Path) -> Path:
    """Write curves, table and picture into a folder; return the path of the curves.

    Models that are kept there with more seeds stay.
    """
    from benchmarks.digits.reference.pages import draw_reference, reference_table

    path = folder / f"{NAME}.json"
    if path.exists():
        reference = join_kept(reference, load_reference(path))
    path.write_text(json.dumps(reference) + "\n")
    path.with_suffix(".md").write_text(reference_table(reference))
    draw_reference(reference).savefig(path.with_suffix(".png"), dpi=110)
    return path


def load_reference(path: Path = RESULTS / f"{NAME}.json") -> dict[str, Any]:
    """Read what `write_reference` wrote.

    Raises:
        FileNotFoundError: There are no such curves.
    """
    reference: dict[str, Any] = json.loads(path.read_text())
    return reference
